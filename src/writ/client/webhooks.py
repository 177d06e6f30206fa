"""`writ webhook`: who else hears of events."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click

from writ.client.options import Session, api_command, confirm, limit_option, yes_option

_COLUMNS = ("id", "webhook_url", "event_types", "is_active", "success_count", "failure_count")
_DELIVERIES = ("id", "event_type", "status", "http_status_code", "error", "attempt_number", "created_at")
_KEEP = "Keep secret_key now: it is not shown again."


class Moment(click.ParamType[str]):
    """A time as ISO 8601 writes it; a date is its beginning, and without a zone it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> str:
        """The time with its zone.

        Raises:
            click.BadParameter: it has another form.
        """
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time like 2026-02-20T10:00:00Z.", param, context)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


@click.group()
def webhook() -> None:
    """Subscribe receivers to events, try them, look at deliveries and send them again."""


@api_command(webhook, "list")
@limit_option
def list_webhooks(session: Session, most: int) -> None:
    """List webhooks, newest first."""
    session.show.many(session.api.pages("/v1/webhooks", most=most), _COLUMNS)


@api_command(webhook, "create")
@click.argument("receiver", metavar="URL")
@click.option(
    "--event", "events", multiple=True, required=True, help="A type or a glob, such as environment.*."
)
@click.option("--description", help="What it is for.")
@click.option("--secret", help="Your own secret; one is made when it is left out.")
def create(session: Session, receiver: str, events: tuple[str, ...], **given: Any) -> None:
    """Subscribe a receiver. The secret is shown this once."""
    body = {"url": receiver, "events": list(events)}
    body |= {name: value for name, value in given.items() if value is not None}
    session.show.one(session.api.call("POST", "/v1/webhooks", body))
    session.show.note(_KEEP)


@api_command(webhook, "show")
@click.argument("webhook_id")
def show(session: Session, webhook_id: str) -> None:
    """Show a webhook."""
    session.show.one(session.api.call("GET", f"/v1/webhooks/{webhook_id}"))


@api_command(webhook, "delete")
@click.argument("webhook_id")
@yes_option
def delete(session: Session, webhook_id: str, yes: bool) -> None:
    """Delete a webhook; its deliveries cannot be read any more."""
    confirm(f"Delete the webhook {webhook_id}?", yes)
    session.show.one(session.api.call("DELETE", f"/v1/webhooks/{webhook_id}"))


@api_command(webhook, "rotate")
@click.argument("webhook_id")
@click.option(
    "--grace", "grace_seconds", type=click.IntRange(0), help="Seconds that the old secret signs too; a day."
)
def rotate(session: Session, webhook_id: str, grace_seconds: int | None) -> None:
    """Give a webhook a new secret, shown this once."""
    body = {} if grace_seconds is None else {"grace_seconds": grace_seconds}
    session.show.one(session.api.call("POST", f"/v1/webhooks/{webhook_id}/rotate-secret", body))
    session.show.note(_KEEP)


@api_command(webhook, "test")
@click.argument("webhook_id")
@click.option("--event", "event_type", default="job.completed", show_default=True, help="The type to send.")
def test(session: Session, webhook_id: str, event_type: str) -> None:
    """Send a signed test event now; exit code 1 when the receiver does not take it."""
    from writ.client.connection import Failure

    result = session.api.call("POST", f"/v1/webhooks/{webhook_id}/test", {"event_type": event_type})
    session.show.one(result)
    if not result["success"]:
        raise Failure(f"The receiver did not take it: {result['error'] or result['status_code']}.")


@api_command(webhook, "deliveries")
@click.argument("webhook_id")
@click.option(
    "--status",
    type=click.Choice(["pending", "delivered", "failed", "retrying"]),
    help="Only what is in this state.",
)
@click.option("--event", "event_type", help="Only events of this type.")
@limit_option
def deliveries(
    session: Session, webhook_id: str, status: str | None, event_type: str | None, most: int
) -> None:
    """List deliveries, newest first."""
    asked = {"status": status, "event_type": event_type}
    found = session.api.pages(f"/v1/webhooks/{webhook_id}/deliveries", asked, most)
    session.show.many(found, _DELIVERIES)


@api_command(webhook, "replay")
@click.argument("webhook_id")
@click.option("--delivery", help="Send this delivery again.")
@click.option("--from", "begin", type=Moment(), help="Send everything again since this time (ISO 8601).")
@click.option("--to", "end", type=Moment(), help="Up to this time, with --from.")
@click.option("--event", "events", multiple=True, help="Only these types, with --from.")
def replay(
    session: Session,
    webhook_id: str,
    delivery: str | None,
    begin: str | None,
    end: str | None,
    events: tuple[str, ...],
) -> None:
    """Send one delivery, or all of a range of time, once more."""
    if (delivery is None) == (begin is None):
        raise click.UsageError("Name either --delivery or --from.")
    path = f"/v1/webhooks/{webhook_id}"
    if delivery is not None:
        if end is not None or events:
            raise click.UsageError("--to and --event go with --from.")
        again = session.api.call("POST", f"{path}/deliveries/{delivery}/replay")
        session.show.one(again, hide=("payload", "attempts"))
        return
    body: dict[str, Any] = {"from": begin}
    if end is not None:
        body["to"] = end
    if events:
        body["event_types"] = list(events)
    session.show.one(session.api.call("POST", f"{path}/replay", body))


@api_command(webhook, "listen")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port on this machine; 0 takes a free one."
)
@click.option("--event", "events", multiple=True, default=("*",), show_default=True, help="Types to hear of.")
@click.option("--secret", envvar="WRIT_WEBHOOK_SECRET", help="Verify with it; no webhook is made then.")
@click.option("--count", type=click.IntRange(1), help="End after so many events.")
def listen(
    session: Session, port: int, events: tuple[str, ...], secret: str | None, count: int | None
) -> None:
    """Receive events here, verify and print them, until Ctrl-C or SIGTERM.

    Makes a webhook for this receiver and deletes it at the end. The Writ must be on this machine, with
    127.0.0.0/8 in its WRIT_TRUSTED_NETWORKS, because it calls no private addresses otherwise. With --secret
    nothing is made: something else, such as a tunnel, brings the events.
    """
    import signal

    from writ.client.receiver import Receiver

    # A supervisor that ends this leaves no webhook behind either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Receiver(port) as receiver:
        made = None
        if secret is None:
            body = {"url": receiver.url, "events": list(events), "description": "writ webhook listen"}
            made = session.api.call("POST", "/v1/webhooks", body)
            secret = made["secret_key"]
        try:
            session.show.note(f"Listening on {receiver.url}; Ctrl-C ends it.")
            for got in receiver.events(secret, count):
                if session.show.as_json:
                    click.echo(json.dumps(got, ensure_ascii=False))
                else:
                    mark = "verified" if got["verified"] else "NOT VERIFIED"
                    click.echo(f"{got['at']}  {mark}  {got['type']}  {got['id']}")
                    click.echo(json.dumps(got["body"], indent=2, ensure_ascii=False))
        except KeyboardInterrupt:
            pass
        finally:
            if made is not None:
                session.api.call("DELETE", f"/v1/webhooks/{made['id']}")
