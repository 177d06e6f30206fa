"""One transaction: there is never an event without its change, or a change without its event."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.events.conftest import SITE_DATA, tell
from tests.support.product import FINAL, Product
from tests.support.redis import RedisServer
from writ.events.checking import WrongEvent
from writ.events.models import Event, Notification
from writ.events.notifications import notify
from writ.events.organization import DEFAULT_ORGANIZATION_ID
from writ.events.publish import differences, publish
from writ.hosting.models import Site
from writ.hosting.telling import tell as tell_of
from writ.jobs.ending import settle
from writ.jobs.models import CANCELLED, FAILED, SUCCEEDED, Job
from writ.store.base import new_id
from writ.store.work import Store


def count(store: Store, table: Any) -> int:
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def make_site(session: Session) -> Site:
    site = Site(id=new_id(), name="Shop", slug=f"shop-{new_id().hex}", status="active")
    session.add(site)
    session.flush()
    return site


def end_job(status: str) -> Callable[[Session], None]:
    def change(session: Session) -> None:
        site = make_site(session)
        failed = status != SUCCEEDED
        job = Job(
            system="hosting",
            kind="site.create",
            status=status,
            site_id=site.id,
            error_code="INTERNAL_ERROR" if failed else None,
            error_message="It did not go." if failed else None,
        )
        session.add(job)
        session.flush()
        settle(session, job)

    return change


def tell_site(session: Session) -> None:
    tell_of(session, "site.created", make_site(session).id)


def publish_one(session: Session) -> None:
    publish(
        session,
        "site.created",
        organization_id=DEFAULT_ORGANIZATION_ID,
        subject=f"site:{make_site(session).id}",
        data=SITE_DATA,
    )


CHANGES = {
    "publish": (publish_one, 1),
    "site": (tell_site, 1),
    "job.completed": (end_job(SUCCEEDED), 2),  # and site.created
    "job.failed": (end_job(FAILED), 1),
    "job.cancelled": (end_job(CANCELLED), 1),
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_transaction_that_fails_leaves_neither_change_nor_event(store: Store, name: str) -> None:
    change, events = CHANGES[name]
    session = store.open_session()
    change(session)
    session.close()
    assert (count(store, Event), count(store, Site), count(store, Job), count(store, Notification)) == (
        0,
    ) * 4
    with store.begin() as session:
        change(session)
    assert (count(store, Event), count(store, Site)) == (events, 1)
    assert count(store, Notification) == (name == "job.failed")


def test_an_event_of_an_unknown_type_or_of_a_wrong_form_is_refused(store: Store) -> None:
    with pytest.raises(KeyError):
        tell(store, "site.sold")
    with pytest.raises(WrongEvent, match="data/status"):
        tell(store, data={**SITE_DATA, "status": "sold"})
    with pytest.raises(WrongEvent):
        tell(store, changes={"name": {"before": "a", "after": "b"}})  # what was made has not changed
    assert count(store, Event) == 0


def test_what_changed_is_told_by_field() -> None:
    before, after = {"a": 1, "b": 2, "c": 3}, {"b": 2, "c": 4, "d": 5}
    assert differences(before, after, but=("d",)) == {
        "a": {"before": 1, "after": None},
        "c": {"before": 3, "after": 4},
    }


@pytest.mark.requirement("S0-63")
def test_what_is_too_long_for_a_notification_is_cut(store: Store) -> None:
    with store.begin() as session:
        notify(
            session, organization_id=DEFAULT_ORGANIZATION_ID, kind="x", title="t" * 999, message="m" * 9999
        )
    with store.read() as connection:
        row = connection.execute(select(Notification.title, Notification.message, Notification.read_at)).one()
    assert (len(row.title), len(row.message), row.read_at) == (200, 2000, None)


def test_killed_workers_leave_one_event_for_each_job_that_ended(
    tmp_path: Path, database_url: str, redis_server: RedisServer
) -> None:
    """Orders of several kinds while the worker is killed four times; then jobs and events are counted."""
    product = Product(tmp_path / "home", database_url, redis_server.url, {"WRIT_LEASE_SECONDS": "1"})
    try:
        product.prepare()
        product.start("server", "worker", "pump")
        with product.client() as client:
            _, environment = client.make_environment("shop")
            ordered = []
            for round_ in range(4):
                for at in range(5):
                    body = {"hostname": f"name-{round_}-{at}.example.test"}
                    ordered.append(client.post(f"/environments/{environment}/domains", json=body))
                    ordered.append(client.post(f"/environments/{environment}/cache/purge"))
                time.sleep(0.2 + 0.15 * round_)
                product.kill("worker")
                product.start("worker")
            assert {answer.status_code for answer in ordered} == {202}
            jobs = [client.wait(answer.json()["job_id"], 120) for answer in ordered]
    finally:
        product.stop()
    store = Store(database_url)
    with store.read() as connection:
        found = connection.execute(select(Event.type, Event.subject, Event.data)).all()
    store.close()
    ends = Counter(row.subject for row in found if row.type in ("job.completed", "job.failed"))
    assert set(ends.values()) == {1}
    assert {f"job:{job['id']}" for job in jobs} <= set(ends)
    good = [job for job in jobs if job["status"] == "succeeded"]
    assert {job["status"] for job in jobs} <= set(FINAL)
    assert good, "when every job fails, this proves little"
    of_kind = Counter(job["kind"] for job in good)
    told = Counter(row.type for row in found)
    assert told["domain.added"] == of_kind["domain.create"]
    assert told["environment.cache_purged"] == of_kind["environment.cache_purge"]
    hostnames = [row.data["hostname"] for row in found if row.type == "domain.added"]
    assert len(set(hostnames)) == len(hostnames)
