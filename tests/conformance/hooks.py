"""What Schemathesis needs to know beyond the contract: what must outlive the run, and where nothing is sent.

Loaded by schemathesis.toml. The environment says where the product is: WRIT_CONFORMANCE_URL, its database
WRIT_CONFORMANCE_DATABASE, and the folder for the counts, WRIT_CONFORMANCE_COUNTS.
"""

from __future__ import annotations

import atexit
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.transport.serialization import Binary
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tests.conformance.contract import CONTRACT
from tests.support.world import EVENT, FAILED_JOB, RUNNING_JOB, UPLOAD
from writ.access.models import DEFAULT_ORGANIZATION_ID, ApiKey, LoginAttempts, User
from writ.hosting.models import Backup, Domain, Environment, Node, Site
from writ.store.base import new_id
from writ.store.work import Store

URL = os.environ["WRIT_CONFORMANCE_URL"]
STORE = Store(os.environ["WRIT_CONFORMANCE_DATABASE"], pool_size=1)
COUNTS: dict[str, Counter[int]] = defaultdict(Counter)

KNOWN = "01890000-0000-7000-8000-"
"""How the ids of the examples' world begin."""

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
    "EVENT_TYPE_UNKNOWN",
}
"""What 422 also says: the text has the form of a source, but no source is there, or it may not be used; or it
is a time, but not one to come."""

AHEAD = "2099-01-01T00:00:00Z"
SOURCES = ("source_ref", "archive_url", "repository_url")


def _site(session: Session) -> UUID:
    site = Site(id=new_id(), name="Victim", slug=f"victim-{new_id().hex}", status="active")
    session.add(site)
    session.flush()
    return site.id


def _environment(session: Session) -> UUID:
    victim = Environment(
        id=new_id(),
        site_id=_site(session),
        node_id=session.scalars(select(Node.id)).first(),
        name="Victim",
        slug="production",
        type="production",
        status="active",
        hostname=f"{new_id().hex}.localhost",
    )
    session.add(victim)
    session.flush()
    return victim.id


def _backup(session: Session) -> UUID:
    victim = Backup(id=new_id(), environment_id=_environment(session), backup_scope="full", status="failed")
    session.add(victim)
    return victim.id


def _domain(session: Session) -> UUID:
    victim = Domain(
        id=new_id(),
        environment_id=_environment(session),
        hostname=f"{new_id().hex}.example.test",
        status="active",
    )
    session.add(victim)
    return victim.id


def _api_key(session: Session) -> UUID:
    victim = ApiKey(
        id=new_id(),
        organization_id=DEFAULT_ORGANIZATION_ID,
        key_name="Victim",
        api_key=new_id().hex,
        created_by=session.scalars(select(User.id)).one(),
    )
    session.add(victim)
    return victim.id


VICTIMS: dict[str, Callable[[Session], UUID]] = {
    "delete_site": _site,
    "delete_environment": _environment,
    "delete_backup": _backup,
    "delete_domain": _domain,
    "delete_api_key": _api_key,
    "revoke_api_key": _api_key,
}


def _id_of(case: Any) -> str:
    return str(case.operation.definition.raw.get("operationId"))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Keep the world, the session and the outside out of harm."""
    operation = _id_of(case)
    if operation in VICTIMS and str((case.path_parameters or {}).get("id", "")).startswith(KNOWN):
        # What the other operations work on must not be gone after the first deletion.
        with STORE.begin() as session:
            case.path_parameters["id"] = str(VICTIMS[operation](session))
    elif operation == "stream_job_events" and (case.path_parameters or {}).get("id") == str(RUNNING_JOB):
        # Nobody carries this job out, so its stream would go on until the time limit.
        case.path_parameters["id"] = str(FAILED_JOB)
    elif (
        operation in ("list_events", "stream_events") and case.meta and case.meta.generation.mode.is_positive
    ):
        _take_real_place(case)
    elif operation == "login":
        # Wrong passwords slow their sender down, which tests of their own prove; here it would hide the rest.
        with STORE.begin() as session:
            session.execute(delete(LoginAttempts))
    elif (
        operation == "logout"
        and (case.cookies or {}).get("session_token") == os.environ["WRIT_SESSION_TOKEN"]
    ):
        # The run's own session is needed to its end.
        case.cookies["session_token"] = _log_in()
    if "cursor" in (case.query or {}) and case.meta and case.meta.generation.mode.is_positive:
        _take_real_cursor(case)
    if (case.path_parameters or {}).get("id") in (None, "None") and "id" in (case.path_parameters or {}):
        # A link over a field that was null, such as the backup of a job that has none.
        case.path_parameters["id"] = str(new_id())
    if isinstance(case.body, dict):
        for name in SOURCES:
            if isinstance(case.body.get(name), str):
                # Workers fetch what is ordered. A random name may be somebody's, this one is nobody's.
                case.body[name] = HOST.sub(NOWHERE, case.body[name])
        if case.meta and case.meta.generation.mode.is_positive:
            if isinstance(case.body.get("expires_at"), str):
                # Most times out of the air are over, and would be refused.
                case.body["expires_at"] = AHEAD
            _name_a_source(operation, case.body)


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
    session = {"session_token": os.environ["WRIT_SESSION_TOKEN"]}
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
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 422:
        return True
    code = response.json()["code"].upper()
    return code not in BEYOND_SCHEMA or code not in case.operation.definition.raw["x-errors"]


def _log_in() -> str:
    credentials = CONTRACT["components"]["examples"]["CredentialsOfAdmin"]["value"]
    answer = httpx.post(f"{URL}/api/login", json=credentials, timeout=20)
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
