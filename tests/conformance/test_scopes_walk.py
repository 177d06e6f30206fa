"""Every operation of the contract with every kind of caller: who may, who may not, and who sees what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Uuid, select

from tests.conformance.contract import OPERATIONS, Operation, check_answer, encode
from tests.conformance.test_keys import LOGIN_ONLY, NO_SCOPE, OPEN
from tests.support.cast import (
    CONFINED_KEY,
    ELSEWHERE,
    FOREIGN_ENVIRONMENT,
    FOREIGN_EVENT,
    FOREIGN_JOB,
    FOREIGN_SITE,
    OTHER_EVENT,
    OTHER_JOB,
    OTHERS,
    Cast,
)
from tests.support.scene import Scene
from tests.support.world import (
    BACKUP,
    EVENT,
    GONE_EVENT,
    OTHER_BACKUP,
    OTHER_ENVIRONMENT,
    OTHER_SITE,
    PRODUCTION,
    RELEASE,
    SITE,
    STAGING,
    UNKNOWN,
    UPLOAD,
)
from writ.access.roles import KNOWN_SCOPES, SCOPES_IN_PROJECTS, SCOPES_OF_ROLE
from writ.events.envelope import event_name
from writ.store.base import Base

REACHING_FURTHER = (
    *("create_api_key", "replace_api_key", "regenerate_api_key"),
    *("create_user", "replace_user", "delete_user"),
    *("register_application", "replace_application", "delete_application", "rotate_application_secret"),
    *("approve_application", "reject_application", "suspend_application"),
)
"""What is done to keys, people and applications that may do more than a key with the scope for it."""

EXCEPTIONS: dict[tuple[str, str], str] = {
    **{(it, "nobody"): "it gives a credential, or is for whoever checks one" for it in OPEN},
    **{(it, "without its scopes"): "it is about the caller, and has none" for it in NO_SCOPE - OPEN},
    **{
        (it, "with exactly its scopes"): "nobody gives or takes over scopes that they do not have"
        for it in REACHING_FURTHER
    },
    **{
        ("mark_notification_read", role): "404: the example's is for administrators"
        for role in ("creator", "reviewer", "viewer")
    },
    ("create_site", "confined"): "403: the key would not see the site that it makes",
    ("create_site", "confined elsewhere"): "403: the key would not see the site that it makes",
    ("create_api_key", "confined"): "422: such a key has to name projects, which the example does not",
    ("create_api_key", "confined elsewhere"): "422: as confined",
}
"""(operation, caller) where the rule of the caller does not hold, and why. It may only shrink."""


def scopes_of(operation: Operation) -> frozenset[str]:
    return frozenset(operation.raw["x-scopes"])


@pytest.fixture(scope="module")
def cast(built_scene: Scene) -> Cast:
    return Cast(built_scene, {operation.id: scopes_of(operation) for operation in OPERATIONS.values()})


@dataclass
class Walk:
    """Calls operations, and collects where the rule of a caller does not hold."""

    scene: Scene
    caller: str
    deviations: dict[str, str] = field(default_factory=dict)

    def call(
        self, operation: Operation, headers: dict[str, str], query: Any = None, path: str | None = None
    ) -> httpx.Response:
        """The operation with its first example, without the scene's own cookie."""
        media, content = next(((m, encode(m, v)) for _, m, v in operation.bodies()), (None, None))
        with httpx.Client(base_url=self.scene.stranger.base_url, timeout=30) as client:
            answer = client.request(
                operation.method,
                path or operation.path_with(),
                params=operation.needed_query() if query is None else query,
                content=content,
                headers={**headers, **({"Content-Type": media} if media else {})},
            )
        check_answer(operation, answer)
        assert answer.status_code < 500, f"{operation.id} as {self.caller}: {answer.text}"
        return answer

    def expect(self, operation: Operation, answer: httpx.Response, status: int, code: str = "") -> None:
        """Note an answer that is not the one that the caller's rule says."""
        found = answer.status_code
        if found != status or (code and answer.json()["code"] != code):
            self.deviations[operation.id] = f"{found} instead of {status} {code}: {answer.text[:300]}"

    def end(self) -> None:
        """Hold what was noted against the list of exceptions."""
        excused = {operation_id for operation_id, caller in EXCEPTIONS if caller == self.caller}
        new = {it: why for it, why in self.deviations.items() if it not in excused}
        assert not new, f"as {self.caller}: {new}"
        needless = sorted(excused - set(self.deviations))
        assert not needless, f"the rule holds for {needless} as {self.caller}: take them off EXCEPTIONS"


@pytest.fixture
def walk(scene: Scene, cast: Cast, request: pytest.FixtureRequest) -> Iterator[Walk]:
    """A walk over all operations, whose exceptions are looked at when it is over."""
    walk = Walk(scene, getattr(request, "param", ""))
    yield walk
    walk.end()


def needing_login() -> list[Operation]:
    return [operation for operation in OPERATIONS.values() if operation.needs_login]


def put_back_after(walk: Walk, operations: Iterable[Operation]) -> Iterator[Operation]:
    """The operations, each of which finds the world as it was made."""
    for operation in operations:
        yield operation
        if operation.method != "GET":
            walk.scene.put_back()


def test_the_exceptions_are_of_the_contract_and_no_more_than_they_were() -> None:
    unknown = {operation_id for operation_id, _ in EXCEPTIONS} - set(OPERATIONS)
    assert not unknown, f"{unknown} are no operations any more: take them off EXCEPTIONS"
    assert len(EXCEPTIONS) <= 32, "the list of exceptions may only shrink"


@pytest.mark.requirement("S1-13")
@pytest.mark.parametrize("walk", ["nobody"], indirect=True)
def test_without_a_credential_everything_is_401(walk: Walk) -> None:
    for operation in OPERATIONS.values():
        walk.expect(operation, walk.call(operation, {}), 401, "unauthorized")


@pytest.mark.requirement("S1-13", "S2-33")
@pytest.mark.parametrize("walk", sorted(SCOPES_OF_ROLE), indirect=True)
def test_a_person_does_what_the_role_says(walk: Walk, cast: Cast) -> None:
    allowed = SCOPES_OF_ROLE[walk.caller]
    for operation in put_back_after(walk, needing_login()):
        answer = walk.call(operation, cast.roles[walk.caller])
        if scopes_of(operation) <= allowed:
            walk.expect(operation, answer, operation.success)
        else:
            walk.expect(operation, answer, 403, "auth_scope_missing")
            missing = answer.json()["error"]["details"]["required_scope"]
            assert missing == sorted(scopes_of(operation) - allowed), operation.id


@pytest.mark.requirement("S1-13", "S1-46")
@pytest.mark.parametrize("walk", ["with exactly its scopes"], indirect=True)
def test_a_key_with_exactly_the_scopes_is_enough(walk: Walk, cast: Cast) -> None:
    for operation in put_back_after(walk, needing_login()):
        scopes = scopes_of(operation)
        if scopes:
            walk.expect(operation, walk.call(operation, cast.with_scopes[scopes]), operation.success)


@pytest.mark.requirement("S1-13", "S1-46")
@pytest.mark.parametrize("walk", ["without its scopes"], indirect=True)
def test_a_key_with_all_other_scopes_is_not(walk: Walk, cast: Cast) -> None:
    any_other = next(iter(cast.without.values()))
    for operation in put_back_after(walk, needing_login()):
        answer = walk.call(operation, cast.without.get(scopes_of(operation), any_other))
        walk.expect(operation, answer, 403, "auth_scope_missing")


def ids_of_others(scene: Scene, mine: Iterable[UUID], organization: UUID | None = None) -> set[str]:
    """The ids of all rows, in both forms in which ids are shown, but for these and for those of the
    organization; without one, and so within it, also but for those of people.
    """
    found = set[UUID]()
    with scene.store.read() as connection:
        for table in Base.metadata.sorted_tables:
            named = "id" in table.columns and isinstance(table.columns["id"].type, Uuid)
            if named and table.name not in ("organizations", "users" if organization is None else ""):
                ids = select(table.columns["id"])
                if organization is not None and "organization_id" in table.columns:
                    ids = ids.where(table.columns["organization_id"] != organization)
                found |= set(connection.execute(ids).scalars())
    found -= set(mine)
    return {str(row_id) for row_id in found} | {row_id.hex for row_id in found}


def _unknown_of(parameter: dict[str, Any]) -> str:
    """An id of nothing, of the form that the parameter has."""
    return GONE_EVENT if str(parameter["example"]).startswith("evt_") else str(UNKNOWN)


def _said(answer: httpx.Response, path: str) -> tuple[int, str, str]:
    message = answer.json()["message"]
    for part in path.split("/"):
        message = message.replace(f" {part}.", " it.")
    return answer.status_code, answer.json()["code"], message


def walk_outside(walk: Walk, headers: dict[str, str], reach: frozenset[str], others: set[str]) -> None:
    """What is not in sight is 404 as if it were not there, lists are without it; no scope reaches further."""
    assert others
    for operation in put_back_after(walk, needing_login()):
        unknown = {p["name"]: _unknown_of(p) for p in operation.parameters if p["in"] == "path"}
        # An event to go on after is a thing like one in a path: it has a test of its own.
        whole = {name: value for name, value in operation.query().items() if name != "after"}
        for query in [None, whole] if whole else [None]:
            answer = walk.call(operation, headers, query)
            if operation.id in LOGIN_ONLY:
                walk.expect(operation, answer, 403, "forbidden")
            elif not scopes_of(operation) <= reach:
                walk.expect(operation, answer, 403, "auth_scope_missing")
            elif unknown:
                walk.expect(operation, answer, 404)
                if answer.status_code == 404:
                    gone = walk.call(operation, headers, query, operation.path_with(**unknown))
                    assert _said(answer, operation.path_with()) == _said(gone, operation.path_with(**unknown))
            else:
                walk.expect(operation, answer, operation.success)
            if answer.status_code < 300:
                leaked = [row_id for row_id in others if row_id in answer.text]
                assert not leaked, f"{operation.id} as {walk.caller} shows {leaked}"


@pytest.mark.requirement("S3-15")
@pytest.mark.parametrize("walk", ["foreign"], indirect=True)
def test_a_key_of_another_organization_sees_nothing_of_this_one(walk: Walk, cast: Cast) -> None:
    # The other site is named by a key of the organization itself.
    others = ids_of_others(walk.scene, [FOREIGN_ENVIRONMENT, OTHER_SITE], ELSEWHERE)
    walk_outside(walk, cast.foreign, KNOWN_SCOPES, others)


@pytest.mark.requirement("S3-15")
@pytest.mark.parametrize("walk", ["confined"], indirect=True)
def test_a_key_that_is_confined_to_a_site_sees_nothing_of_another(walk: Walk, cast: Cast) -> None:
    walk_outside(walk, cast.confined, SCOPES_IN_PROJECTS, ids_of_others(walk.scene, OTHERS))


@pytest.mark.requirement("S3-15")
@pytest.mark.parametrize("walk", ["confined elsewhere"], indirect=True)
def test_a_key_that_names_a_foreign_site_does_not_see_it(walk: Walk, cast: Cast) -> None:
    """Its organization is the border, whatever the row of the key says."""
    # The other site is named by a key of the organization itself.
    others = ids_of_others(walk.scene, [FOREIGN_ENVIRONMENT, OTHER_SITE], ELSEWHERE)
    walk_outside(walk, cast.confined_elsewhere, SCOPES_IN_PROJECTS, others)


@pytest.mark.parametrize("walk", ["at home"], indirect=True)
def test_these_keys_see_what_is_theirs(walk: Walk, cast: Cast) -> None:
    """Else it would prove nothing that they see nothing else."""
    for headers, site, environment, job, backups, event in (
        (cast.confined, OTHER_SITE, OTHER_ENVIRONMENT, OTHER_JOB, [str(OTHER_BACKUP)], OTHER_EVENT),
        (cast.foreign, FOREIGN_SITE, FOREIGN_ENVIRONMENT, FOREIGN_JOB, [], FOREIGN_EVENT),
        (cast.confined_elsewhere, FOREIGN_SITE, FOREIGN_ENVIRONMENT, FOREIGN_JOB, [], FOREIGN_EVENT),
    ):
        with httpx.Client(base_url=walk.scene.stranger.base_url, headers=headers) as client:

            def listed(path: str) -> list[str]:
                return [row["id"] for row in client.get(path).json()["data"]]

            assert listed("/sites") == [str(site)]
            assert listed("/jobs") == listed(f"/jobs?site_id={site}") == [str(job)]
            assert listed(f"/jobs?environment_id={environment}") == [str(job)]
            assert listed(f"/sites/{site}/environments") == [str(environment)]
            assert listed(f"/environments/{environment}/backups") == backups
            assert listed("/v1/events") == [event_name(event)]
            assert client.get(f"/v1/events/{event_name(event)}").status_code == 200
            assert listed(f"/v1/events?after={event_name(event)}") == []
            asked = {"key_name": "Mine", "scopes": ["jobs.read"], "projects": [str(site)]}
            made = client.post("/v1/api-keys", json=asked).json()["id"]
            assert made in listed("/v1/api-keys")
            assert client.get(f"/v1/api-keys/{made}").status_code == 200
            assert client.delete(f"/v1/api-keys/{made}").status_code == 200
            asked = {"webhook_url": "https://hooks.example.com/mine", "event_types": ["*"]}
            made = client.post("/v1/webhooks", json=asked).json()["id"]
            assert listed("/v1/webhooks") == [made]
            counted = client.get("/metrics").json()
            assert (counted["sites_total"], counted["jobs_running"]) == (1, 0)
            for path in (f"/sites/{site}", f"/environments/{environment}", f"/jobs/{job}"):
                assert client.get(path).status_code == 200, path
            assert client.post(f"/environments/{environment}/cache/purge").status_code == 202
            placed = listed("/jobs")[0]
            assert client.post(f"/jobs/{placed}/cancel").status_code == 202
            again = client.post(f"/jobs/{placed}/retry")
            assert client.get(f"/jobs/{again.json()['job_id']}").status_code == 200
            sent = client.post("/uploads", content=b"PK", headers={"Content-Type": "application/zip"}).json()
            deploy = {"source_type": "upload", "source_ref": sent["upload_id"]}
            assert client.post(f"/environments/{environment}/deploy", json=deploy).status_code == 202
            if site == FOREIGN_SITE:
                assert walk.scene.client.get(f"/jobs/{again.json()['job_id']}").status_code == 404
        walk.scene.put_back()


@pytest.mark.requirement("S3-15")
@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/stream"])
def test_nobody_goes_on_after_an_event_that_is_not_in_sight(scene: Scene, cast: Cast, path: str) -> None:
    """It is refused as one that there never was."""
    for headers in (cast.confined, cast.foreign, cast.confined_elsewhere):
        with httpx.Client(base_url=scene.stranger.base_url, headers=headers) as client:
            said = []
            for event in (event_name(EVENT), GONE_EVENT):
                answer = client.get(path, params={"after": event})
                assert (answer.status_code, answer.json()["code"]) == (410, "event_gone"), answer.text
                said.append(answer.json()["message"])
            assert said[0] == said[1]


@pytest.mark.requirement("S3-15")
def test_a_confined_key_sees_no_key_that_reaches_further(scene: Scene, cast: Cast) -> None:
    """Neither one of no project, nor one of more than its own."""
    further = {"key_name": "Further", "scopes": ["jobs.read"]}
    with httpx.Client(base_url=scene.stranger.base_url, headers=cast.confined) as client:
        for projects in ([], [str(OTHER_SITE), str(SITE)]):
            body = further | ({"projects": projects} if projects else {})
            made = scene.client.post("/v1/api-keys", json=body).json()["id"]
            assert [row["id"] for row in client.get("/v1/api-keys").json()["data"]] == [str(CONFINED_KEY)]
            for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/revoke"), ("POST", "/regenerate")):
                answer = client.request(method, f"/v1/api-keys/{made}{path}")
                assert (answer.status_code, answer.json()["code"]) == (404, "api_key_not_found"), path


@pytest.mark.requirement("S3-15")
def test_a_confined_key_loses_a_webhook_that_hears_of_more(scene: Scene, cast: Cast) -> None:
    """Else it would read in its deliveries what others do."""
    asked = {"webhook_url": "https://hooks.example.com/mine", "event_types": ["*"]}
    with httpx.Client(base_url=scene.stranger.base_url, headers=cast.confined) as client:
        made = client.post("/v1/webhooks", json=asked).json()
        assert made["filters"] == {"project_ids": [str(OTHER_SITE)]}
        assert client.get(f"/v1/webhooks/{made['id']}/deliveries").status_code == 200
        # A person takes the filter away.
        assert scene.client.put(f"/v1/webhooks/{made['id']}", json=asked).status_code == 200
        assert client.get("/v1/webhooks").json()["data"] == []
        for method, path in (("GET", ""), ("GET", "/deliveries"), ("PUT", ""), ("DELETE", "")):
            body = asked if method == "PUT" else None
            answer = client.request(method, f"/v1/webhooks/{made['id']}{path}", json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "webhook_not_found"), path


REFERENCES: dict[str, tuple[str, dict[str, Any], dict[str, str], int, str]] = {
    "promote to it": (
        "environments/{environment}/promote",
        {"promotion_preset": "code"},
        {"target_environment_id": str(PRODUCTION)},
        404,
        "environment_not_found",
    ),
    "clone it": (
        "sites/{site}/environments",
        {"name": "x", "slug": "x", "type": "staging"},
        {"source_environment_id": str(STAGING)},
        404,
        "environment_not_found",
    ),
    "restore from it": (
        "environments/{environment}/restore",
        {},
        {"backup_id": str(BACKUP)},
        404,
        "backup_not_found",
    ),
    "roll back to it": (
        "environments/{environment}/rollback",
        {},
        {"release_id": str(RELEASE)},
        404,
        "release_not_found",
    ),
    "deploy it": (
        "environments/{environment}/deploy",
        {"source_type": "upload"},
        {"source_ref": str(UPLOAD)},
        422,
        "upload_unknown",
    ),
    "import it": ("sites/{site}/import", {}, {"archive_url": f"upload:{UPLOAD}"}, 422, "upload_unknown"),
}
"""Orders on what is in sight that name something that is not: path, body, what is named, and the refusal."""


@pytest.mark.requirement("S3-15")
@pytest.mark.parametrize("way", REFERENCES)
def test_an_order_cannot_name_what_is_not_in_sight(scene: Scene, cast: Cast, way: str) -> None:
    path, body, named, status, code = REFERENCES[way]
    for headers, site, environment in (
        (cast.confined, OTHER_SITE, OTHER_ENVIRONMENT),
        (cast.foreign, FOREIGN_SITE, FOREIGN_ENVIRONMENT),
    ):
        said = []
        for reference in (named, {name: _unknown(value) for name, value in named.items()}):
            answer = httpx.post(
                f"{scene.stranger.base_url}{path.format(site=site, environment=environment)}",
                json=body | reference,
                headers=headers,
            )
            assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
            ((_, row_id),) = reference.items()
            said.append(answer.json()["message"].replace(row_id.removeprefix("upload:"), ""))
        assert said[0] == said[1], "what is not in sight is told apart from what is not there"


def _unknown(reference: str) -> str:
    return f"upload:{UNKNOWN}" if reference.startswith("upload:") else str(UNKNOWN)


def test_a_confined_key_is_told_why_it_makes_no_site(scene: Scene, cast: Cast) -> None:
    answer = httpx.post(
        f"{scene.stranger.base_url}sites", json={"name": "x", "slug": "x"}, headers=cast.confined
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "confined to projects" in answer.json()["message"]


def test_a_slug_that_is_taken_elsewhere_is_taken_and_tells_nothing_more(scene: Scene, cast: Cast) -> None:
    """Hostnames are made of slugs, and the node has each once."""
    answer = httpx.post(
        f"{scene.stranger.base_url}sites", json={"name": "x", "slug": "example-shop"}, headers=cast.foreign
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "site_slug_taken")
    assert str(SITE) not in answer.text
    assert "Example shop" not in answer.text
