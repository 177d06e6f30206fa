"""Every refusal that the contract names is provoked, and has the shape and the status that it promises.

`CASES` says for each (operation, code) of x-errors how it comes about; `NOT_PROVOKED` names those that cannot
be had here. Together they are all: a new code in the contract needs a way to provoke it, and the list of
exceptions only ever gets shorter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from tests.conformance.contract import CONTRACT, OPERATIONS, Operation, check_answer, encode
from tests.conformance.test_keys import LOGIN_ONLY
from tests.support.scene import UPLOAD_LIMIT, Scene
from tests.support.signing import sign
from tests.support.world import (
    APPLICATION,
    BACKUP,
    CLIENT_SECRET,
    DELIVERY,
    DESK_APPLICATION,
    DOMAIN,
    EXPIRED_KEY,
    EXPIRED_TOKEN,
    FAILED_JOB,
    FOREIGN_USER,
    GONE_EVENT,
    KEY,
    KEY_FROM_ELSEWHERE,
    KEY_OF_NOTHING,
    KEY_OF_PRESET,
    KEY_SECRETS,
    KEY_TEXTS,
    KEY_THAT_SIGNS,
    KEY_WITHOUT_ENDPOINTS,
    OLD_RELEASE,
    OTHER_BACKUP,
    OTHER_ENVIRONMENT,
    OTHER_RATE_POLICY,
    PENDING_APPLICATION,
    PRODUCTION,
    REFRESH_TOKEN,
    RELEASE,
    REVOKED_KEY,
    REVOKED_TOKEN,
    RUNNING_JOB,
    SESSION_TOKENS,
    SITE,
    STAGING,
    UNKNOWN,
    UNLUCKY_BACKUP,
    WEBHOOK,
)
from writ.access.models import ApiKey, User
from writ.access.oauth.models import DeveloperApplication
from writ.access.rate_models import RatePolicy
from writ.events.webhook_models import WebhookDelivery, WebhookSubscription
from writ.hosting.models import Backup, Domain, Environment, Release, Site
from writ.jobs.models import Job
from writ.records.claims import claims_of
from writ.records.sameness import claim_of, hash_of

Change = tuple[Any, UUID, dict[str, Any]]
"""A table, the id of a row, and what becomes of it before the call."""


@dataclass
class How:
    """What is different from the operation's first example."""

    id: UUID | str | None = None
    delivery_id: UUID | None = None
    body: dict[str, Any] | None = None
    query: dict[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    content: bytes | None = None
    first: str | None = None
    """An operation that is called with its example before."""
    role: str | None = None
    """The role of whoever calls instead of the owner."""
    on_owner: bool = False
    """It is done to the owner."""


def changed(table: Any, row_id: UUID, **values: Any) -> How:
    return How(changes=((table, row_id, values),))


def every(ids: str, code: str, how: How) -> dict[tuple[str, str], How]:
    return {(operation_id, code): how for operation_id in ids.split()}


# Operations on an environment that must be active, and the environment that their examples name.
ON_PRODUCTION = (
    "check_drift deploy_environment update_environment restore_environment rollback_environment set_cache "
    "purge_cache create_backup create_domain"
)
GIT = {"source_type": "git"}

CREDENTIALS = f"client_id=app_{APPLICATION.hex}&client_secret={CLIENT_SECRET}".encode()

CASES: dict[tuple[str, str], How] = {
    **every(
        "get_site delete_site import_site list_site_environments create_environment",
        "SITE_NOT_FOUND",
        How(id=UNKNOWN),
    ),
    **every(
        f"{ON_PRODUCTION} get_environment delete_environment promote_environment create_magic_login "
        "list_releases list_backups list_domains",
        "ENVIRONMENT_NOT_FOUND",
        How(id=UNKNOWN),
    ),
    **every("get_backup delete_backup download_backup", "BACKUP_NOT_FOUND", How(id=UNKNOWN)),
    **every("delete_domain", "DOMAIN_NOT_FOUND", How(id=UNKNOWN)),
    **every("get_audit_entry", "AUDIT_ENTRY_NOT_FOUND", How(id=UNKNOWN)),
    **every(
        "get_rate_policy replace_rate_policy delete_rate_policy", "RATE_POLICY_NOT_FOUND", How(id=UNKNOWN)
    ),
    **every("create_rate_policy", "RATE_POLICY_EXISTS", How(first="create_rate_policy")),
    **every(
        "replace_rate_policy",
        "RATE_POLICY_EXISTS",
        changed(
            RatePolicy,
            OTHER_RATE_POLICY,
            surface="hosting",
            rate_class="*",
            tier="enterprise",
            window_seconds=3600,
        ),
    ),
    **every("create_rate_policy replace_rate_policy", "SCALE_BELOW_AMOUNT", How(body={"scales_to": 1})),
    **every("get_job cancel_job retry_job get_job_log stream_job_events", "JOB_NOT_FOUND", How(id=UNKNOWN)),
    **every(
        "list_sites list_site_environments list_releases list_backups list_domains list_jobs get_job_log "
        "list_api_keys list_rate_policies list_events list_notifications list_users list_applications "
        "list_audit_log list_usage_quotas list_webhooks list_webhook_deliveries",
        "CURSOR_INVALID",
        How(query={"cursor": "bm9uZQ"}),
    ),
    **every(
        f"{ON_PRODUCTION} create_magic_login",
        "ENVIRONMENT_NOT_ACTIVE",
        changed(Environment, PRODUCTION, status="failed"),
    ),
    **every(ON_PRODUCTION, "ENVIRONMENT_DELETING", changed(Environment, PRODUCTION, status="deleting")),
    **every("promote_environment", "ENVIRONMENT_NOT_ACTIVE", changed(Environment, STAGING, status="failed")),
    **every("promote_environment", "ENVIRONMENT_DELETING", changed(Environment, STAGING, status="deleting")),
    **every("delete_environment", "ENVIRONMENT_DELETING", How(first="delete_environment")),
    **every("delete_site", "SITE_DELETING", How(first="delete_site")),
    **every("delete_domain", "DOMAIN_DELETING", How(first="delete_domain")),
    **every("import_site create_environment", "SITE_NOT_ACTIVE", changed(Site, SITE, status="failed")),
    **every("import_site create_environment", "SITE_DELETING", changed(Site, SITE, status="deleting")),
    **every("create_site", "SITE_SLUG_TAKEN", How(body={"slug": "example-shop"})),
    **every("create_site", "SOURCE_REF_INVALID", How(body={"repository_url": "https://git.example.com/"})),
    **every("create_site", "SOURCE_NOT_ALLOWED", How(body={"repository_url": "file:///etc"})),
    **every("import_site", "ENVIRONMENT_NOT_ACTIVE", changed(Environment, PRODUCTION, status="failed")),
    **every("import_site", "ENVIRONMENT_DELETING", changed(Environment, PRODUCTION, status="deleting")),
    # There is no production environment to import into, and the slug of a new one is taken by another type.
    **every("import_site", "ENVIRONMENT_SLUG_TAKEN", changed(Environment, PRODUCTION, type="development")),
    **every("import_site", "UPLOAD_UNKNOWN", How(body={"archive_url": f"upload:{UNKNOWN}"})),
    **every("import_site", "URL_NOT_ALLOWED", How(body={"archive_url": "https://127.0.0.1/shop.tar.gz"})),
    **every("create_environment", "ENVIRONMENT_SLUG_TAKEN", How(body={"slug": "staging"})),
    **every("create_environment", "ENVIRONMENT_NOT_FOUND", How(body={"source_environment_id": str(UNKNOWN)})),
    **every(
        "create_environment", "ENVIRONMENT_NOT_ACTIVE", changed(Environment, PRODUCTION, status="failed")
    ),
    **every(
        "create_environment", "ENVIRONMENT_DELETING", changed(Environment, PRODUCTION, status="deleting")
    ),
    **every(
        "create_environment", "SOURCE_OTHER_SITE", How(body={"source_environment_id": str(OTHER_ENVIRONMENT)})
    ),
    **every(
        "check_drift update_environment",
        "NO_CURRENT_RELEASE",
        changed(Environment, PRODUCTION, current_release_id=None),
    ),
    **every(
        "promote_environment", "NO_CURRENT_RELEASE", changed(Environment, STAGING, current_release_id=None)
    ),
    **every("deploy_environment", "SOURCE_REF_INVALID", How(body={**GIT, "source_ref": "main..dev"})),
    **every("deploy_environment", "SOURCE_NOT_ALLOWED", How(body={**GIT, "source_ref": "file:///etc#main"})),
    **every(
        "deploy_environment",
        "UPLOAD_UNKNOWN",
        How(body={"source_type": "upload", "source_ref": str(UNKNOWN)}),
    ),
    **every("restore_environment", "BACKUP_NOT_FOUND", How(body={"backup_id": str(UNKNOWN)})),
    **every("restore_environment", "BACKUP_ENVIRONMENT_MISMATCH", How(body={"backup_id": str(OTHER_BACKUP)})),
    **every("restore_environment", "BACKUP_NOT_AVAILABLE", How(body={"backup_id": str(UNLUCKY_BACKUP)})),
    **every("download_backup", "BACKUP_NOT_AVAILABLE", How(id=UNLUCKY_BACKUP)),
    **every("delete_backup", "BACKUP_IN_USE", How(first="restore_environment")),
    **every(
        "promote_environment", "PROMOTE_SAME_ENVIRONMENT", How(body={"target_environment_id": str(STAGING)})
    ),
    **every(
        "promote_environment",
        "PROMOTE_OTHER_SITE",
        How(body={"target_environment_id": str(OTHER_ENVIRONMENT)}),
    ),
    **every("rollback_environment", "RELEASE_NOT_FOUND", How(body={"release_id": str(UNKNOWN)})),
    **every("rollback_environment", "RELEASE_NOT_GOOD", changed(Release, OLD_RELEASE, status="bad")),
    **every(
        "rollback_environment",
        "NO_EARLIER_RELEASE",
        How(content=b"{}", changes=((Release, OLD_RELEASE, {"status": "bad"}),)),
    ),
    **every("create_domain", "HOSTNAME_TAKEN", How(body={"hostname": "shop.example.test"})),
    **every("create_upload", "FILE_TOO_LARGE", How(content=b"x" * (UPLOAD_LIMIT + 1))),
    **every("cancel_job", "JOB_NOT_CANCELLABLE", How(id=FAILED_JOB)),
    **every("retry_job", "JOB_NOT_RETRYABLE", How(id=RUNNING_JOB)),
    **every(
        "get_api_key replace_api_key delete_api_key regenerate_api_key revoke_api_key",
        "API_KEY_NOT_FOUND",
        How(id=UNKNOWN),
    ),
    **every(
        "replace_api_key regenerate_api_key", "API_KEY_NOT_ACTIVE", changed(ApiKey, KEY, is_active=False)
    ),
    **every(
        "create_api_key replace_api_key",
        "EXPIRY_NOT_AHEAD",
        How(body={"expires_at": "2026-02-20T10:15:00Z"}),
    ),
    **every("create_api_key replace_api_key", "PROJECT_UNKNOWN", How(body={"projects": [str(UNKNOWN)]})),
    **every(
        "create_api_key replace_api_key", "ENDPOINT_UNKNOWN", How(body={"endpoints": {"GET /nowhere": False}})
    ),
    **every(
        "get_webhook replace_webhook delete_webhook test_webhook rotate_webhook_secret replay_webhook "
        "list_webhook_deliveries get_webhook_delivery replay_webhook_delivery",
        "WEBHOOK_NOT_FOUND",
        How(id=UNKNOWN),
    ),
    **every("get_webhook_delivery replay_webhook_delivery", "DELIVERY_NOT_FOUND", How(delivery_id=UNKNOWN)),
    **every(
        "replay_webhook replay_webhook_delivery",
        "WEBHOOK_NOT_ACTIVE",
        changed(WebhookSubscription, WEBHOOK, is_active=False),
    ),
    **every(
        "replay_webhook_delivery",
        "DELIVERY_NOT_REPLAYABLE",
        changed(WebhookDelivery, DELIVERY, event_id=UNKNOWN),
    ),
    **every("replay_webhook", "REPLAY_TOO_LARGE", How(body={"from": "2020-01-01T00:00:00Z"})),
    **every(
        "create_webhook replace_webhook replay_webhook",
        "EVENT_TYPE_UNKNOWN",
        How(body={"event_types": ["nothing.*"]}),
    ),
    **every("test_webhook", "EVENT_TYPE_UNKNOWN", How(body={"event_type": "nothing.happened"})),
    **every(
        "create_webhook replace_webhook",
        "URL_NOT_ALLOWED",
        How(body={"webhook_url": "https://127.0.0.1/hook"}),
    ),
    **every("list_events stream_events", "EVENT_GONE", How(query={"after": GONE_EVENT})),
    **every("list_events stream_events", "EVENT_TYPE_UNKNOWN", How(query={"types": "site.sold"})),
    **every("stream_events", "CURSOR_INVALID", How(query={"after": "bm9uZQ"})),
    **every("get_event", "EVENT_NOT_FOUND", How(id=GONE_EVENT)),
    **every("mark_notification_read", "NOTIFICATION_NOT_FOUND", How(id=UNKNOWN)),
    **every("get_user replace_user delete_user", "USER_NOT_FOUND", How(id=FOREIGN_USER)),
    **every("replace_user", "LAST_OWNER", How(on_owner=True)),
    **every("delete_user", "LAST_OWNER", How(on_owner=True)),
    **every("create_user replace_user", "EMAIL_TAKEN", How(body={"email": "VERA@example.com"})),
    **every("create_user", "ROLE_TOO_HIGH", How(body={"role": "owner"}, role="admin")),
    **every("replace_user", "ROLE_TOO_HIGH", How(body={"role": "owner"}, role="admin")),
    **every("delete_user", "ROLE_TOO_HIGH", How(on_owner=True, role="admin")),
    **every(
        "get_application replace_application delete_application approve_application reject_application "
        "suspend_application rotate_application_secret",
        "APPLICATION_NOT_FOUND",
        How(id=UNKNOWN),
    ),
    **every("approve_application reject_application", "APPLICATION_WRONG_STATUS", How(id=APPLICATION)),
    **every("suspend_application", "APPLICATION_WRONG_STATUS", How(id=PENDING_APPLICATION)),
    **every("rotate_application_secret", "APPLICATION_HAS_NO_SECRET", How(id=DESK_APPLICATION)),
    **every("change_password", "INVALID_CREDENTIALS", How(body={"old_password": "not this one"})),
    **every("issue_token", "UNSUPPORTED_GRANT_TYPE", How(body={"grant_type": "password"})),
    **every("issue_token", "INVALID_REQUEST", How(content=CREDENTIALS + b"&grant_type=authorization_code")),
    **every("refresh_token revoke_token introspect_token", "INVALID_REQUEST", How(content=CREDENTIALS)),
    **every(
        "issue_token refresh_token revoke_token introspect_token",
        "INVALID_CLIENT",
        How(body={"client_secret": CLIENT_SECRET[:-1] + "1"}),
    ),
    **every(
        "issue_token",
        "INVALID_GRANT",
        How(content=CREDENTIALS + b"&grant_type=authorization_code&code=writ_ac_unknown"),
    ),
    **every("refresh_token", "INVALID_GRANT", How(body={"refresh_token": "writ_rt_unknown"})),
    **every(
        "revoke_token",
        "INVALID_GRANT",
        How(content=f"client_id=app_{DESK_APPLICATION.hex}&token={REFRESH_TOKEN}".encode()),
    ),
    **every("issue_token", "INVALID_SCOPE", How(body={"scope": "users.write"})),
    **every("refresh_token", "INVALID_SCOPE", How(body={"scope": "hosting.deploy"})),
    **every(
        "issue_token refresh_token",
        "UNAUTHORIZED_CLIENT",
        How(
            changes=((DeveloperApplication, APPLICATION, {"grant_types": ["authorization_code"]}),),
        ),
    ),
    **every(
        "revoke_token introspect_token", "UNSUPPORTED_TOKEN_TYPE", How(body={"token_type_hint": "id_token"})
    ),
    **every("get_consent_page", "INVALID_CLIENT", How(query={"client_id": "app_unknown"})),
    **every("submit_consent", "INVALID_CLIENT", How(body={"client_id": "app_unknown"})),
    **every("get_consent_page", "INVALID_REQUEST", How(query={"redirect_uri": "https://example.com/"})),
    **every("submit_consent", "INVALID_REQUEST", How(body={"redirect_uri": "https://example.com/"})),
    **every(
        "get_consent_page",
        "UNSUPPORTED_RESPONSE_TYPE",
        How(query={"response_type": "token", "redirect_uri": "https://example.com/"}),
    ),
    **every(
        "submit_consent",
        "UNSUPPORTED_RESPONSE_TYPE",
        How(body={"response_type": "token", "redirect_uri": "https://example.com/"}),
    ),
    **every(
        "get_usage_summary get_usage_endpoints get_usage_errors",
        "SPAN_TOO_LONG",
        How(query={"from": "2024-02-20T10:00:00Z", "to": "2026-02-20T10:00:00Z"}),
    ),
    **every("login", "INVALID_CREDENTIALS", How(body={"password": "not this one"})),
    # It serves no WordPress.
    **every("create_magic_login", "WP_CLI_ERROR", How(id=OTHER_ENVIRONMENT)),
}

NOT_PROVOKED: dict[tuple[str, str], str] = {
    ("create_magic_login", "NODE_UNREACHABLE"): "the embedded node is this machine; it is always reached",
}
MOST_EXCEPTIONS = 1


def named() -> set[tuple[str, str]]:
    return {(o.id, code) for o in OPERATIONS.values() for code in o.raw["x-errors"]}


def test_every_code_of_the_contract_is_provoked_or_excused() -> None:
    assert set(CASES) | set(NOT_PROVOKED) == named()
    assert not set(CASES) & set(NOT_PROVOKED), "what is provoked needs no excuse: take it off the list"
    assert len(NOT_PROVOKED) <= MOST_EXCEPTIONS, "the list of exceptions may only shrink"


def call(scene: Scene, operation: Operation, how: How | None = None, **options: Any) -> Any:
    """Call the operation with its first example, but for what `how` says."""
    how = how or How()
    media, content = None, how.content
    for _, media, value in operation.bodies():
        if content is None:
            content = encode(media, value | (how.body or {}) if isinstance(value, dict) else value)
        break
    headers = {"Content-Type": media} if media else {}
    headers |= options.pop("headers", {})
    row_id = owner_of(scene) if how.on_owner else how.id
    ids = {"id": row_id, "delivery_id": how.delivery_id}
    path = operation.path_with(**{name: str(value) for name, value in ids.items() if value is not None})
    client = options.pop("client", scene.client if how.role is None else scene.stranger)
    if how.role is not None:
        headers |= {"Cookie": f"session_token={SESSION_TOKENS[how.role]}"}
    return client.request(
        operation.method,
        path,
        params=operation.needed_query() | how.query,
        content=content,
        headers=headers,
        **options,
    )


def owner_of(scene: Scene) -> UUID:
    with scene.store.read() as connection:
        owner: UUID = connection.execute(select(User.id).where(User.role == "owner")).scalar_one()
    return owner


def check_refusal(operation: Operation, answer: Any, code: str) -> None:
    """The code in every place where it is said, and all of the answer as the contract has it."""
    check_answer(operation, answer)
    body = answer.json()
    assert body["code"] == code.lower(), answer.text
    assert body["request_id"] == answer.headers["x-request-id"]
    if not operation.in_oauth_shape:
        assert body["error"]["code"] == body["code"]
        assert body["error"]["request_id"] == body["request_id"]


@pytest.mark.parametrize(("operation_id", "code"), sorted(CASES))
def test_the_operation_refuses_as_the_contract_says(scene: Scene, operation_id: str, code: str) -> None:
    operation, how = OPERATIONS[operation_id], CASES[operation_id, code]
    for table, row_id, values in how.changes:
        scene.change(table, row_id, **values)
    if how.first is not None:
        assert call(scene, OPERATIONS[how.first]).status_code in (201, 202)
    queued = count_jobs(scene)
    check_refusal(operation, call(scene, operation, how), code)
    assert count_jobs(scene) == queued, "what was refused was ordered all the same"


def count_jobs(scene: Scene) -> int:
    with scene.store.read() as connection:
        return len(connection.execute(Job.__table__.select()).all())


def no_session(scene: Scene, operation: Operation) -> Any:
    return call(scene, operation, client=scene.stranger)


def bad_session(scene: Scene, operation: Operation) -> Any:
    with_cookie = scene.stranger
    return call(scene, operation, client=with_cookie, headers={"Cookie": "session_token=bm9uZQ"})


def with_key(key: UUID) -> Callable[[Scene, Operation], Any]:
    def call_with_key(scene: Scene, operation: Operation) -> Any:
        return call(scene, operation, client=scene.stranger, headers={"X-API-Key": KEY_TEXTS[key]})

    return call_with_key


def mistyped_key(scene: Scene, operation: Operation) -> Any:
    text = KEY_TEXTS[KEY]
    mistyped = text[:40] + ("a" if text[40] != "a" else "b") + text[41:]
    return call(scene, operation, client=scene.stranger, headers={"Authorization": f"Bearer {mistyped}"})


def bad_signature(scene: Scene, operation: Operation) -> Any:
    headers = {"X-API-Key": KEY_TEXTS[KEY], "Signature-Input": "sig1=()", "Signature": "sig1=:AAAA:"}
    return call(scene, operation, client=scene.stranger, headers=headers)


def same_signature_again(scene: Scene, operation: Operation) -> Any:
    # The key has no scope, so that the first request does nothing either.
    body = next((encode(media, value) for _, media, value in operation.bodies()), b"")
    query = operation.needed_query()
    url = f"{scene.product.url}/api{operation.path_with()}"
    url = str(httpx.URL(url, params=query) if query else url)
    key = KEY_THAT_SIGNS
    headers = sign(operation.method, url, str(key), KEY_TEXTS[key], KEY_SECRETS[key], body)
    first = call(scene, operation, client=scene.stranger, headers=headers)
    assert first.status_code != 401, first.text
    return call(scene, operation, client=scene.stranger, headers=headers)


def with_token(text: str) -> Callable[[Scene, Operation], Any]:
    def call_with_token(scene: Scene, operation: Operation) -> Any:
        headers = {"Authorization": f"Bearer {text}"}
        return call(scene, operation, client=scene.stranger, headers=headers)

    return call_with_token


def foreign_origin(scene: Scene, operation: Operation) -> Any:
    return call(scene, operation, headers={"Origin": "https://foreign.example.com"})


def wrong_accept(scene: Scene, operation: Operation) -> Any:
    return call(scene, operation, headers={"Accept": "image/png"})


def unknown_parameter(scene: Scene, operation: Operation) -> Any:
    return call(scene, operation, How(query={"unheard-of": "1"}))


def broken_query(scene: Scene, operation: Operation) -> Any:
    answer = scene.client.build_request(operation.method, operation.path_with() + "?limit=%ff")
    body = next(((media, encode(media, value)) for _, media, value in operation.bodies()), None)
    if body is not None:
        answer = scene.client.build_request(
            operation.method,
            operation.path_with() + "?limit=%ff",
            content=body[1],
            headers={"Content-Type": body[0]},
        )
    return scene.client.send(answer)


def wrong_media(scene: Scene, operation: Operation) -> Any:
    return call(scene, operation, headers={"Content-Type": "text/html"})


def used_key(scene: Scene, operation: Operation) -> Any:
    key = {"Idempotency-Key": "used"}
    body = {"key_name": "The first", "scopes": ["jobs.read"]}
    assert scene.client.post("/v1/api-keys", json=body, headers=key).status_code == 201
    return call(scene, operation, headers=key)


def key_at_work(scene: Scene, operation: Operation) -> Any:
    # As while another server process works on the first request with it.
    with scene.store.read() as connection:
        owner = select(User.id, User.organization_id).where(User.role == "owner")
        user, organization = connection.execute(owner).one()
    claim = claim_of(hash_of(organization, f"user:{user}", "at-work"))
    claims = claims_of(scene.store)
    assert claims.take(claim)
    try:
        return call(scene, operation, headers={"Idempotency-Key": "at-work"})
    finally:
        claims.give_back(claim)


def long_key(scene: Scene, operation: Operation) -> Any:
    answer = call(scene, operation, headers={"Idempotency-Key": "k" * 256})
    assert [e["field"] for e in answer.json()["errors"]] == ["/header/idempotency-key"]
    return answer


def long_body(scene: Scene, operation: Operation) -> Any:
    return call(scene, operation, How(content=b" " * ((1 << 20) + 1)))


def is_open(operation: Operation) -> bool:
    return not operation.needs_login


def is_safe(operation: Operation) -> bool:
    return is_open(operation) or operation.method == "GET"


def asks_for_no_scope(operation: Operation) -> bool:
    return not operation.raw["x-scopes"]


def takes_no_key(operation: Operation) -> bool:
    return all(parameter["name"] != "Idempotency-Key" for parameter in operation.parameters)


def has_no_body(operation: Operation) -> bool:
    return not list(operation.bodies())


def has_no_json(operation: Operation) -> bool:
    return all(media != "application/json" for _, media, _ in operation.bodies())


def only_redirects(operation: Operation) -> bool:
    """There is no content whose type could be refused."""
    return operation.success == 303


def never(operation: Operation) -> bool:
    return False


def key_of_nobody(scene: Scene, operation: Operation) -> Any:
    """A key that may do everything, where only somebody who is logged in may call."""
    headers = {"X-API-Key": KEY_TEXTS[KEY_OF_PRESET["full"]]}
    return call(scene, operation, client=scene.stranger, headers=headers)


def takes_keys(operation: Operation) -> bool:
    return operation.id not in LOGIN_ONLY


GENERAL: dict[str, tuple[str, Callable[[Scene, Operation], Any], Callable[[Operation], bool]]] = {
    "no session": ("UNAUTHORIZED", no_session, is_open),
    "bad session": ("UNAUTHORIZED", bad_session, is_open),
    "mistyped key": ("API_KEY_INVALID", mistyped_key, is_open),
    "expired key": ("API_KEY_EXPIRED", with_key(EXPIRED_KEY), is_open),
    "revoked key": ("API_KEY_REVOKED", with_key(REVOKED_KEY), is_open),
    "key of another address": ("ADDRESS_NOT_ALLOWED", with_key(KEY_FROM_ELSEWHERE), is_open),
    "not signed": ("SIGNATURE_REQUIRED", with_key(KEY_THAT_SIGNS), is_open),
    "bad signature": ("SIGNATURE_INVALID", bad_signature, is_open),
    "same signature again": ("SIGNATURE_REPLAYED", same_signature_again, is_open),
    "key without endpoints": ("FORBIDDEN", with_key(KEY_WITHOUT_ENDPOINTS), is_open),
    "no token of ours": ("TOKEN_INVALID", with_token("eyJhbGciOiJub25lIn0.e30."), is_open),
    "expired token": ("TOKEN_EXPIRED", with_token(EXPIRED_TOKEN), is_open),
    "revoked token": ("TOKEN_REVOKED", with_token(REVOKED_TOKEN), is_open),
    "key of no scope": ("AUTH_SCOPE_MISSING", with_key(KEY_OF_NOTHING), asks_for_no_scope),
    "key instead of a login": ("FORBIDDEN", key_of_nobody, takes_keys),
    "foreign origin": ("ORIGIN_NOT_ALLOWED", foreign_origin, is_safe),
    "wrong accept": ("NOT_ACCEPTABLE", wrong_accept, only_redirects),
    "unknown parameter": ("VALIDATION_ERROR", unknown_parameter, never),
    "broken query": ("MALFORMED_REQUEST", broken_query, never),
    "wrong media type": ("UNSUPPORTED_FORMAT", wrong_media, has_no_body),
    "key of another request": ("IDEMPOTENCY_KEY_REUSED", used_key, takes_no_key),
    "key of a request at work": ("IDEMPOTENCY_IN_PROGRESS", key_at_work, takes_no_key),
    "key of 256 characters": ("VALIDATION_ERROR", long_key, takes_no_key),
    "long body": ("PAYLOAD_TOO_LARGE", long_body, has_no_json),
}
"""What every operation refuses: how, with which code, and the operations to which it does not apply."""

GENERAL_NOT_PROVOKED = {
    "RATE_LIMITED": "here limits are out of reach: tests/access/test_rate_policies_http.py meets them",
    "INTERNAL_ERROR": "it is a fault of the program, and none is known",
    "SERVICE_UNAVAILABLE": "the tests of chaos take database and disk away",
}


def test_every_general_code_is_provoked_or_excused() -> None:
    provoked = {code for code, _, _ in GENERAL.values()}
    assert provoked | set(GENERAL_NOT_PROVOKED) == set(CONTRACT["x-general-errors"])
    assert len(GENERAL_NOT_PROVOKED) <= 3, "the list of exceptions may only shrink"


@pytest.mark.parametrize("way", GENERAL)
def test_every_operation_refuses_what_none_takes(scene: Scene, way: str) -> None:
    code, provoke, exempt = GENERAL[way]
    before, called = count_jobs(scene), 0
    for operation in OPERATIONS.values():
        if not exempt(operation):
            called += 1
            try:
                check_refusal(operation, provoke(scene, operation), code)
            except AssertionError as error:
                raise AssertionError(f"{operation.id}: {error}") from error
    assert called >= (10 if way != "key instead of a login" else len(LOGIN_ONLY))
    assert count_jobs(scene) == before, "what was refused was ordered all the same"


def test_too_many_wrong_passwords(scene: Scene) -> None:
    login = OPERATIONS["login"]
    answers = [call(scene, login, How(body={"password": f"wrong {n}"})) for n in range(8)]
    assert answers[0].status_code == 401
    check_refusal(login, answers[-1], "RATE_LIMITED")
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_the_named_rows_are_there(scene: Scene) -> None:
    """The unknown id is unknown, and the others are known: else a 404 would prove nothing."""
    for path in (f"/backups/{BACKUP}", f"/environments/{PRODUCTION}", f"/sites/{SITE}", f"/jobs/{RELEASE}"):
        assert scene.client.get(path).status_code == 200, path
    with scene.store.read() as connection:
        assert connection.execute(Domain.__table__.select().where(Domain.id == DOMAIN)).first()
        assert not connection.execute(Backup.__table__.select().where(Backup.id == UNKNOWN)).first()


def test_only_sessions_and_tokens_come_and_go_without_an_idempotency_key() -> None:
    changing = [o for o in OPERATIONS.values() if o.method in ("POST", "PUT", "PATCH", "DELETE")]
    of_tokens = {"issue_token", "refresh_token", "revoke_token", "introspect_token", "submit_consent"}
    assert {o.id for o in changing if takes_no_key(o)} == {"login", "logout"} | of_tokens
    assert all(takes_no_key(o) for o in OPERATIONS.values() if o not in changing)
