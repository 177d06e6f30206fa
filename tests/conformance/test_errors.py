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

import pytest

from tests.conformance.contract import CONTRACT, OPERATIONS, Operation, check_answer, encode
from tests.support.scene import UPLOAD_LIMIT, Scene
from tests.support.world import (
    BACKUP,
    DOMAIN,
    EXPIRED_KEY,
    FAILED_JOB,
    KEY,
    KEY_FROM_ELSEWHERE,
    KEY_OF_NOTHING,
    KEY_TEXTS,
    OLD_RELEASE,
    OTHER_BACKUP,
    OTHER_ENVIRONMENT,
    PRODUCTION,
    RELEASE,
    REVOKED_KEY,
    RUNNING_JOB,
    SITE,
    STAGING,
    UNKNOWN,
    UNLUCKY_BACKUP,
)
from writ.access.models import ApiKey
from writ.hosting.models import Backup, Domain, Environment, Release, Site
from writ.jobs.models import Job

Change = tuple[Any, UUID, dict[str, Any]]
"""A table, the id of a row, and what becomes of it before the call."""


@dataclass
class How:
    """What is different from the operation's first example."""

    id: UUID | None = None
    body: dict[str, Any] | None = None
    query: dict[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    content: bytes | None = None
    first: str | None = None
    """An operation that is called with its example before."""


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
    **every("get_job cancel_job retry_job get_job_log stream_job_events", "JOB_NOT_FOUND", How(id=UNKNOWN)),
    **every(
        "list_sites list_site_environments list_releases list_backups list_domains list_jobs get_job_log "
        "list_api_keys list_audit_log list_usage_quotas",
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
    path = operation.path_with(**({"id": str(how.id)} if how.id is not None else {}))
    client = options.pop("client", scene.client)
    return client.request(
        operation.method, path, params=how.query or None, content=content, headers=headers, **options
    )


def check_refusal(operation: Operation, answer: Any, code: str) -> None:
    """The code in every place where it is said, and all of the answer as the contract has it."""
    check_answer(operation, answer)
    body = answer.json()
    assert body["code"] == body["error"]["code"] == code.lower(), answer.text
    assert body["request_id"] == body["error"]["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(("operation_id", "code"), sorted(CASES))
def test_the_operation_refuses_as_the_contract_says(scene: Scene, operation_id: str, code: str) -> None:
    operation, how = OPERATIONS[operation_id], CASES[operation_id, code]
    for table, row_id, values in how.changes:
        scene.change(table, row_id, **values)
    if how.first is not None:
        assert call(scene, OPERATIONS[how.first]).status_code == 202
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


def long_body(scene: Scene, operation: Operation) -> Any:
    return call(scene, operation, How(content=b" " * ((1 << 20) + 1)))


def is_open(operation: Operation) -> bool:
    return not operation.needs_login


def is_safe(operation: Operation) -> bool:
    return is_open(operation) or operation.method == "GET"


def asks_for_no_scope(operation: Operation) -> bool:
    return not operation.raw["x-scopes"]


def has_no_body(operation: Operation) -> bool:
    return not list(operation.bodies())


def has_no_json(operation: Operation) -> bool:
    return all(media != "application/json" for _, media, _ in operation.bodies())


def never(operation: Operation) -> bool:
    return False


GENERAL: dict[str, tuple[str, Callable[[Scene, Operation], Any], Callable[[Operation], bool]]] = {
    "no session": ("UNAUTHORIZED", no_session, is_open),
    "bad session": ("UNAUTHORIZED", bad_session, is_open),
    "mistyped key": ("API_KEY_INVALID", mistyped_key, is_open),
    "expired key": ("API_KEY_EXPIRED", with_key(EXPIRED_KEY), is_open),
    "revoked key": ("API_KEY_REVOKED", with_key(REVOKED_KEY), is_open),
    "key of another address": ("ADDRESS_NOT_ALLOWED", with_key(KEY_FROM_ELSEWHERE), is_open),
    "key of no scope": ("AUTH_SCOPE_MISSING", with_key(KEY_OF_NOTHING), asks_for_no_scope),
    "foreign origin": ("ORIGIN_NOT_ALLOWED", foreign_origin, is_safe),
    "wrong accept": ("NOT_ACCEPTABLE", wrong_accept, never),
    "unknown parameter": ("VALIDATION_ERROR", unknown_parameter, never),
    "broken query": ("MALFORMED_REQUEST", broken_query, never),
    "wrong media type": ("UNSUPPORTED_FORMAT", wrong_media, has_no_body),
    "long body": ("PAYLOAD_TOO_LARGE", long_body, has_no_json),
}
"""What every operation refuses: how, with which code, and the operations to which it does not apply."""

GENERAL_NOT_PROVOKED = {
    "FORBIDDEN": "the one role there is may do everything",
    "RATE_LIMITED": "only wrong passwords are limited: test_too_many_wrong_passwords",
    "INTERNAL_ERROR": "it is a fault of the program, and none is known",
    "SERVICE_UNAVAILABLE": "the tests of chaos take database and disk away",
}


def test_every_general_code_is_provoked_or_excused() -> None:
    provoked = {code for code, _, _ in GENERAL.values()}
    assert provoked | set(GENERAL_NOT_PROVOKED) == set(CONTRACT["x-general-errors"])
    assert len(GENERAL_NOT_PROVOKED) <= 4, "the list of exceptions may only shrink"


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
    assert called >= 10
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
