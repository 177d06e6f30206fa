"""What is in sight: the rows of an organization, or only those of the sites that a key is confined to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert

import writ.app  # noqa: F401  (every table is there when everything is imported)
from writ.access.models import DEFAULT_ORGANIZATION_ID, Organization
from writ.contract.errors import Refusal
from writ.gateway.sight import Sight
from writ.hosting import reading
from writ.hosting.find import find_environment, find_site, require_upload
from writ.hosting.models import Environment, Node, Site, Upload
from writ.jobs import reading as job_reading
from writ.jobs.models import Job
from writ.jobs.order import order
from writ.store.base import new_id
from writ.store.migrate import upgrade
from writ.store.paging import MOST_ARMS
from writ.store.work import Store

HERE, ELSEWHERE = DEFAULT_ORGANIZATION_ID, UUID(int=2)
List = Callable[[Sight, Mapping[str, Any]], dict[str, Any]]


class Rows:
    """Four sites here and two elsewhere, each with an environment and three jobs."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sites: dict[UUID, list[UUID]] = {HERE: [], ELSEWHERE: []}
        self.environment_of: dict[UUID, UUID] = {}
        self.jobs_of: dict[UUID, list[UUID]] = {}
        with store.begin() as session:
            session.add(Organization(id=ELSEWHERE, name="Elsewhere"))
            node = Node(name="local", driver="embedded")
            session.add(node)
            session.flush()
            for number, organization in enumerate((HERE, ELSEWHERE, HERE, HERE, ELSEWHERE, HERE)):
                site = Site(organization_id=organization, name="x", slug=f"s{number}", status="active")
                session.add(site)
                session.flush()
                environment = Environment(
                    site_id=site.id,
                    node_id=node.id,
                    name="x",
                    slug="production",
                    type="production",
                    status="active",
                    hostname=f"production.s{number}.localhost",
                )
                session.add(environment)
                session.flush()
                self.sites[organization].append(site.id)
                self.environment_of[site.id] = environment.id
                self.jobs_of[site.id] = []
        for _ in range(3):
            for organization, sites in self.sites.items():
                for site_id in sites:
                    self.jobs_of[site_id].append(self._add_job(organization, site_id))

    def _add_job(self, organization: UUID, site_id: UUID) -> UUID:
        job_id = new_id()
        with self.store.begin() as session:
            session.add(
                Job(
                    id=job_id,
                    organization_id=organization,
                    system="hosting",
                    kind="environment.deploy",
                    status="succeeded",
                    site_id=site_id,
                    environment_id=self.environment_of[site_id],
                )
            )
        return job_id

    def list_jobs(self, sight: Sight, query: Mapping[str, Any]) -> dict[str, Any]:
        with self.store.read() as connection:
            return job_reading.list_jobs(connection, sight, query)

    def list_sites(self, sight: Sight, query: Mapping[str, Any]) -> dict[str, Any]:
        with self.store.read() as connection:
            return reading.list_sites(connection, sight, query)


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    store = Store(database_url)
    upgrade(store.engine)
    yield Rows(store)
    store.close()


def walk(list_rows: List, sight: Sight, **query: Any) -> list[UUID]:
    """The ids of a whole list, two at a time."""
    found: list[UUID] = []
    asked = {"limit": 2, "sort": "-created_at"} | query
    while True:
        page = list_rows(sight, asked)
        found += [row["id"] for row in page["data"]]
        if page["pagination"]["next_cursor"] is None:
            return found
        asked["cursor"] = page["pagination"]["next_cursor"]


def sights(rows: Rows) -> dict[str, tuple[Sight, list[UUID]]]:
    """Every kind of sight, and the sites that it shows, oldest first."""
    here, elsewhere = rows.sites[HERE], rows.sites[ELSEWHERE]
    return {
        "an organization": (Sight(HERE), here),
        "another organization": (Sight(ELSEWHERE), elsewhere),
        "one project": (Sight(HERE, frozenset(here[:1])), here[:1]),
        "three projects": (Sight(HERE, frozenset(here[1:])), here[1:]),
        # More than are looked up one by one.
        "many projects": (
            Sight(HERE, frozenset([*here[1:], *(uuid4() for _ in range(MOST_ARMS))])),
            here[1:],
        ),
        "a foreign project": (Sight(HERE, frozenset([here[0], *elsewhere])), here[:1]),
        "no project": (Sight(HERE, frozenset()), []),
        "an unknown organization": (Sight(uuid4()), []),
    }


@pytest.mark.requirement("S3-15")
def test_lists_show_what_is_in_sight_and_page_through_it(rows: Rows) -> None:
    for name, (sight, sites) in sights(rows).items():
        assert walk(rows.list_sites, sight) == sites[::-1], name
        for sort, expected in (("created_at", sites), ("slug", sites), ("-slug", sites[::-1])):
            assert walk(rows.list_sites, sight, sort=sort) == expected, (name, sort)
        assert walk(rows.list_sites, sight, status="failed") == []
        assert walk(rows.list_sites, sight, status="active", sort="slug") == sites, name
        jobs = {job for site in sites for job in rows.jobs_of[site]}
        seen = walk(rows.list_jobs, sight)
        assert len(seen) == len(jobs), name
        assert set(seen) == jobs, name
        assert walk(rows.list_jobs, sight, sort="created_at") == seen[::-1], name
        assert set(walk(rows.list_jobs, sight, status="succeeded", kind="environment.deploy")) == jobs, name
        for site, its_jobs in rows.jobs_of.items():
            expected = its_jobs[::-1] if site in sites else []
            assert walk(rows.list_jobs, sight, site_id=site) == expected, name
            assert walk(rows.list_jobs, sight, environment_id=rows.environment_of[site]) == expected, name


def refused(code: str, rule: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(Refusal) as raised:
        rule(*arguments)
    assert raised.value.code == code
    return raised.value.message


def readers(store: Store, sight: Sight) -> dict[str, Callable[[UUID], object]]:
    """Ways to one row."""

    def read(function: Callable[..., object], *more: object) -> Callable[[UUID], object]:
        def by_id(row_id: UUID) -> object:
            with store.read() as connection:
                return function(connection, sight, row_id, *more)

        return by_id

    def find(function: Callable[..., object]) -> Callable[[UUID], object]:
        def by_id(row_id: UUID) -> object:
            with store.begin() as session:
                return function(session, sight, row_id)

        return by_id

    return {
        "SITE": read(reading.get_site),
        "SITE locked": find(find_site),
        "ENVIRONMENT locked": find(find_environment),
        "JOB": read(job_reading.get_job),
        "JOB log": read(job_reading.get_job_log, {"limit": 1}),
    }


@pytest.mark.requirement("S3-15")
def test_what_is_not_in_sight_is_refused_like_what_is_not_there(rows: Rows) -> None:
    unknown = uuid4()
    for name, (sight, sites) in sights(rows).items():
        for site, environment in rows.environment_of.items():
            ids = {"SITE": site, "ENVIRONMENT": environment, "JOB": rows.jobs_of[site][0]}
            for way, read in readers(rows.store, sight).items():
                noun = way.split()[0]
                if site in sites:
                    assert read(ids[noun]), (name, way)
                else:
                    message = refused(f"{noun}_NOT_FOUND", read, ids[noun])
                    there_is_none = refused(f"{noun}_NOT_FOUND", read, unknown)
                    assert message.replace(str(ids[noun]), str(unknown)) == there_is_none


def test_metrics_count_what_is_in_sight(rows: Rows) -> None:
    with rows.store.begin() as session:
        session.execute(
            Job.__table__.update().where(Job.site_id.in_(rows.sites[HERE])).values(status="running")
        )
    for name, (sight, sites) in sights(rows).items():
        with rows.store.read() as connection:
            counted = reading.read_metrics(connection, sight)
        running = 0 if sight.organization_id == ELSEWHERE else 3 * len(sites)
        expected = {"jobs_running": running, "jobs_queued": 0, "nodes_active": 1, "sites_total": len(sites)}
        assert counted == expected, name


def test_a_confined_key_uses_the_uploads_that_it_sent(rows: Rows) -> None:
    key, other_key, person = uuid4(), uuid4(), uuid4()
    mine, of_the_person, of_the_other, foreign = (new_id() for _ in range(4))
    with rows.store.begin() as session:
        for upload, organization, by_key in (
            (mine, HERE, key),
            (of_the_person, HERE, None),
            (of_the_other, HERE, other_key),
            (foreign, ELSEWHERE, key),
        ):
            values = {"media_type": "application/zip", "sha256": "0" * 64, "size": 1, "created_by": person}
            session.execute(
                insert(Upload).values(id=upload, organization_id=organization, key_id=by_key, **values)
            )
    confined = Sight(HERE, frozenset(rows.sites[HERE][:1]), key)
    for sight, seen in (
        (confined, {mine}),
        (Sight(HERE, key_id=key), {mine, of_the_person, of_the_other}),
        (Sight(ELSEWHERE), {foreign}),
    ):
        for upload in (mine, of_the_person, of_the_other, foreign):
            with rows.store.begin() as session:
                if upload in seen:
                    require_upload(session, sight, upload, "/body/source_ref")
                else:
                    refused("UPLOAD_UNKNOWN", require_upload, session, sight, upload, "/body/source_ref")


def test_a_job_belongs_to_who_ordered_it_or_to_the_system(rows: Rows) -> None:
    with rows.store.begin() as session:
        ordered = order(session, "environment.cache_purge", organization_id=ELSEWHERE)
        made = order(session, "environment.cache_purge")
    with rows.store.begin() as session:
        found = {job.id: job.organization_id for job in session.query(Job).where(Job.id.in_((ordered, made)))}
    assert found == {ordered: ELSEWHERE, made: HERE}


def test_lists_of_a_confined_key_use_an_index_for_each_site(rows: Rows) -> None:
    """No list reads all rows of its sites to find the first: each site's are read in order, to the limit."""
    if not rows.store.url.startswith("sqlite"):
        pytest.skip(
            "the plan of SQLite is what is looked at; PostgreSQL's depends on the rows that there are"
        )
    here = rows.sites[HERE]
    for list_rows, projects, index in (
        (job_reading.list_jobs, here[:1], "ix_jobs_site_id_sequence"),
        (job_reading.list_jobs, here, "ix_jobs_site_id_sequence"),
        (reading.list_sites, here[:1], "sqlite_autoindex_sites"),
        (reading.list_sites, here, "sqlite_autoindex_sites"),
    ):
        with rows.store.read() as connection:
            driver: Any = connection.connection.dbapi_connection
            asked: list[str] = []
            driver.set_trace_callback(asked.append)
            list_rows(connection, Sight(HERE, frozenset(projects)), {"limit": 2, "sort": "-created_at"})
            driver.set_trace_callback(None)
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0]}").all()
        searches = [step for step in plan if step.detail.startswith("SEARCH")]
        assert [index in step.detail for step in searches] == [True] * len(projects), plan
        assert not any(step.detail.startswith("SCAN sites") or "SCAN jobs" in step.detail for step in plan)
        if list_rows is job_reading.list_jobs:
            # Only the pages of several sites are sorted together, never what a page is taken from.
            within = {step.parent for step in searches}
            assert not any("TEMP B-TREE" in step.detail and step.parent in within for step in plan), plan
