"""What Schemathesis needs to know beyond the contract: what must outlive the run, and where nothing is sent.

Loaded by schemathesis.toml. The environment says where the product is: WRIT_CONFORMANCE_URL, its home
WRIT_CONFORMANCE_HOME, and the folder for the counts, WRIT_CONFORMANCE_COUNTS.
"""

from __future__ import annotations

import atexit
import json
import os
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx
import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.transport.serialization import Binary
from sqlalchemy import delete
from writ_contract.events import ALL_EVENTS

from tests.conformance.contract import CONTRACT
from tests.conformance.victims import (
    CREDENTIALS,
    PASSWORD,
    SESSION_TOKEN,
    STORE,
    VICTIMS,
    fresh_code,
    fresh_login,
    fresh_refresh_token,
    is_needed,
    stand_in,
)
from tests.support.world import (
    APPLICATION,
    CLIENT_SECRET,
    CODE,
    CODE_CHALLENGE,
    EVENT,
    FAILED_JOB,
    REFRESH_TOKEN,
    RUNNING_JOB,
    SITE,
    UPLOAD,
)
from writ.access.models import LoginAttempts
from writ.access.roles import PROJECT_SPECIFIC
from writ.store.base import new_id

URL = os.environ["WRIT_CONFORMANCE_URL"]
COUNTS: dict[str, Counter[int]] = defaultdict(Counter)

HOST = re.compile(r"(?<=://)(?:[^/?#@]*@)?([A-Za-z0-9.-]*[A-Za-z][A-Za-z0-9.-]*)(?=[:/?#]|$)")
ANY_HOST = re.compile(r"^https?://[^/?]*")
NO_WORD = re.compile(r"\W")
NOWHERE = "conformance.invalid"
BEYOND_SCHEMA = {
    "SOURCE_REF_INVALID",
    "SOURCE_NOT_ALLOWED",
    "URL_NOT_ALLOWED",
    "UPLOAD_UNKNOWN",
    "EXPIRY_NOT_AHEAD",
    "SCALE_BELOW_AMOUNT",
    "PROJECT_UNKNOWN",
    "ENDPOINT_UNKNOWN",
    "EVENT_TYPE_UNKNOWN",
    "SPAN_TOO_LONG",
}
"""What 422 also says: the text has the form of a source, but no source is there, or it may not be used; it is
a time, but not one to come, or two that are too far apart; it has the form of a project or an endpoint, and
there is none; or one number has to be as large as another."""
OAUTH = re.compile(r"INVALID_\w+|UNAUTHORIZED_CLIENT|UNSUPPORTED_\w+")
"""What 400 says in OAuth's words (RFC 6749, section 5.2): the form is one, but what it asks cannot be had."""

AHEAD = "2099-01-01T00:00:00Z"
CLIENT = {"client_id": f"app_{APPLICATION.hex}", "client_secret": CLIENT_SECRET}
CONSENT = {
    "client_id": f"app_{APPLICATION.hex}",
    "response_type": "code",
    "redirect_uri": "https://planner.example.com/callback",
    "code_challenge": CODE_CHALLENGE,
    "code_challenge_method": "S256",
}
REAL_FORMS = {
    "issue_token": CLIENT,
    "refresh_token": {**CLIENT, "refresh_token": REFRESH_TOKEN},
    "revoke_token": {**CLIENT, "token": REFRESH_TOKEN},
    "introspect_token": {**CLIENT, "token": REFRESH_TOKEN},
    "get_consent_page": CONSENT,
    "submit_consent": CONSENT,
}
GRANTS = {
    name: {"grant_type": name, **CONTRACT["components"]["examples"][example]["value"]}
    for name, example in (
        ("authorization_code", "TokenByCode"),
        ("client_credentials", "TokenByCredentials"),
        ("refresh_token", "TokenByRefresh"),
    )
}
"""What an application sends that the product knows."""

ADDRESSES = ("source_ref", "archive_url", "repository_url", "webhook_url", "url")


def _id_of(case: Any) -> str:
    return str(case.operation.definition.raw.get("operationId"))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Keep the world, the run's credentials and the outside out of harm, and take what no schema can tell."""
    operation = _id_of(case)
    if operation in VICTIMS and is_needed((case.path_parameters or {}).get("id", "")):
        # What the other operations work on must not be gone after the first deletion.
        case.path_parameters["id"] = stand_in(operation)
    if (case.path_parameters or {}).get("id") in (None, "None") and "id" in (case.path_parameters or {}):
        # A link over a field that was null, such as the backup of a job that has none.
        case.path_parameters["id"] = str(new_id())
    if operation == "stream_job_events" and (case.path_parameters or {}).get("id") == str(RUNNING_JOB):
        # Nobody carries this job out, so its stream would go on until the time limit.
        case.path_parameters["id"] = str(FAILED_JOB)
    _keep_credentials(operation, case)
    if isinstance(case.body, dict):
        for name in ADDRESSES:
            if isinstance(case.body.get(name), str):
                # Workers fetch from there, or send there. A random name may be somebody's, this is nobody's.
                case.body[name] = HOST.sub(NOWHERE, case.body[name])
    if case.meta and case.meta.generation.mode.is_positive:
        _take_what_is_real(operation, case)
    if isinstance(case.body, dict):
        _take_real_grant(case.body)


def _keep_credentials(operation: str, case: Any) -> None:
    """The run's own session, password and key are needed to its end."""
    if operation in ("login", "change_password"):
        # Wrong passwords slow their sender down, which tests of their own prove; here it would hide the rest.
        with STORE.begin() as session:
            session.execute(delete(LoginAttempts))
    own = (case.cookies or {}).get("session_token") == SESSION_TOKEN
    if operation == "logout" and own:
        case.cookies["session_token"] = _log_in()
    elif operation == "change_password" and own:
        case.cookies["session_token"] = fresh_login()
        if case.meta and case.meta.generation.mode.is_positive:
            case.body["old_password"] = PASSWORD


def _take_what_is_real(operation: str, case: Any) -> None:
    """What a request that is to be accepted has to refer to, or to agree with in itself."""
    if "Idempotency-Key" in (case.headers or {}):
        # A key that was used before is another's, and no schema can foretell that.
        case.headers["Idempotency-Key"] = str(new_id())
    if "cursor" in (case.query or {}):
        _take_real_cursor(case)
    if operation in ("list_events", "stream_events"):
        _take_real_place(case)
    if operation == "get_consent_page":
        _be_known(operation, case.query)
    if isinstance(case.body, dict):
        if isinstance(case.body.get("expires_at"), str):
            # Most times out of the air are over, and would be refused.
            case.body["expires_at"] = AHEAD
        if operation in ("create_api_key", "replace_api_key"):
            # Of a key that is to be confined the schema cannot say that it needs projects.
            case.body |= {"endpoints": {"GET /sites/{id}": False}} if "endpoints" in case.body else {}
            if case.body.get("projects") or case.body.get("preset") == PROJECT_SPECIFIC:
                case.body["projects"] = [str(SITE)]
        elif operation in ("register_application", "replace_application"):
            _agree_on_grants(case.body)
        elif operation in REAL_FORMS:
            _be_known(operation, case.body)
        elif operation in ("create_webhook", "replace_webhook", "rotate_webhook_secret"):
            _name_once(operation, case.body)
        elif operation == "replay_webhook":
            _span_little(case.body)
        _name_a_source(operation, case.body)


def _agree_on_grants(body: dict[str, Any]) -> None:
    """Which grants need a place to go back to, or a secret, is no schema's to say."""
    if "authorization_code" in body["grant_types"] and not body.get("redirect_uris"):
        body["redirect_uris"] = ["https://planner.example.com/callback"]
    if "client_credentials" in body["grant_types"]:
        body.pop("is_confidential", None)


def _name_once(operation: str, body: dict[str, Any]) -> None:
    """Each field under one of its two names, and an address and types under any."""
    for name, other in (("webhook_url", "url"), ("event_types", "events"), ("secret_key", "secret")):
        if name in body:
            body.pop(other, None)
    if operation != "rotate_webhook_secret":
        body.update({} if "url" in body else {"webhook_url": body.get("webhook_url", f"https://{NOWHERE}/")})
        name = "events" if "events" in body else "event_types"
        types = body.get(name, ["*"])
        body[name] = [kind if kind in {*ALL_EVENTS, "*"} else "environment.*" for kind in types]


def _span_little(body: dict[str, Any]) -> None:
    """A time that ends after it begins, and in which not all that happened in this run is sent once more."""
    begin = datetime(2026, 2, 20, 10, tzinfo=UTC)
    if "to" in body:
        body["to"] = (begin + timedelta(hours=1)).isoformat()
    else:
        begin = datetime.now(UTC) - timedelta(seconds=5)
    body["from"] = begin.isoformat()


def _be_known(operation: str, form: dict[str, Any]) -> None:
    """Three of four forms come from the examples' application, for nobody answers strangers; one stays so."""
    if crc32(repr(sorted(form.items())).encode("utf-8", "replace")) % 4 == 0:
        return
    form |= REAL_FORMS[operation]
    if operation == "issue_token":
        form |= GRANTS.get(str(form.get("grant_type")), GRANTS["client_credentials"])
    if "scope" in form:
        form["scope"] = "hosting.read"


def _take_real_grant(body: dict[str, Any]) -> None:
    """The examples' code and refresh token are good once: here each call has its own."""
    if body.get("code") == CODE:
        body["code"] = fresh_code()
    for name in ("refresh_token", "token"):
        if body.get(name) == REFRESH_TOKEN:
            body[name] = fresh_refresh_token()


def _name_a_source(operation: str, body: dict[str, Any]) -> None:
    """A text out of the air is rarely a source: most would be refused, and what follows never be reached."""
    if operation == "import_site":
        body["archive_url"] = ANY_HOST.sub(f"https://{NOWHERE}", str(body.get("archive_url")))
    elif operation == "deploy_environment" and body.get("source_type") == "upload":
        body["source_ref"] = str(UPLOAD)
    elif operation == "deploy_environment" and NOWHERE not in str(body.get("source_ref")):
        body["source_ref"] = f"fuzz/{re.sub(NO_WORD, 'x', str(body.get('source_ref')))[:200]}"


def _take_real_cursor(case: Any) -> None:
    """A cursor is what the page before gave: ask for that page, and take its cursor."""
    query = {name: value for name, value in case.query.items() if name != "cursor"}
    del case.query["cursor"]
    session = {"session_token": SESSION_TOKEN}
    page = httpx.get(
        f"{URL}/api{case.formatted_path}", params=query | {"limit": 1}, cookies=session, timeout=20
    )
    if page.status_code == 200 and page.json()["pagination"]["next_cursor"]:
        case.query["cursor"] = page.json()["pagination"]["next_cursor"]


def _take_real_place(case: Any) -> None:
    """What is read after is an event that there is; an id out of the air never was one."""
    for values, name in ((case.query, "after"), (case.headers, "Last-Event-ID")):
        if values and name in values:
            values[name] = f"evt_{EVENT.hex}"
    if case.query and "types" in case.query and "*" not in str(case.query["types"]):
        case.query["types"] = "environment.*"


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Keep every failure but a refusal that the schema cannot foretell and the operation's x-errors name."""
    if not isinstance(failure, RejectedPositiveData) or response.status_code not in (400, 422):
        return True
    code = response.json()["code"].upper()
    foreseen = code in BEYOND_SCHEMA if response.status_code == 422 else OAUTH.fullmatch(code)
    return not foreseen or code not in case.operation.definition.raw["x-errors"]


def _log_in() -> str:
    answer = httpx.post(f"{URL}/api/login", json=CREDENTIALS, timeout=20)
    return str(answer.cookies["session_token"])


@schemathesis.serializer("application/zip", "application/gzip")
def send_archive(context: Any, value: Any) -> bytes:
    """Archives are bytes; the contract's examples write them a character a byte."""
    if isinstance(value, Binary):
        return value.data
    return value if isinstance(value, bytes) else str(value).encode("latin-1", errors="replace")


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Count the answers of each operation."""
    COUNTS[_id_of(case)][response.status_code] += 1


@atexit.register
def write_counts() -> None:
    """Leave the counts for whoever judges whether the run was hollow."""
    folder = Path(os.environ["WRIT_CONFORMANCE_COUNTS"])
    (folder / f"{os.getpid()}.json").write_text(json.dumps(COUNTS))
    STORE.close()
