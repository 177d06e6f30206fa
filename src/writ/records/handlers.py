"""The audit log and the usage figures: one function an operation."""

from __future__ import annotations

from writ.gateway.call import Answer, Call, ok
from writ.gateway.callers import caller, organization_of
from writ.records import reading, usage
from writ.records.export import MEDIA_TYPES, export


def list_audit_log(call: Call) -> Answer:
    """A page of the audit log."""
    return ok(reading.read_log(call.read, caller(call), call.query))


def get_audit_entry(call: Call) -> Answer:
    """One entry of the audit log."""
    return ok(reading.read_entry(call.read, caller(call), call.path["id"]))


def export_audit_log(call: Call) -> Answer:
    """The audit log as a file."""
    accepted = call.headers.get("accept", "")
    only_csv = MEDIA_TYPES["csv"] in accepted and MEDIA_TYPES["jsonl"] not in accepted
    form = call.query.get("format") or ("csv" if only_csv else "jsonl")
    stream = export(call.services.store, caller(call), call.query, form)
    return Answer(stream=stream, media_type=MEDIA_TYPES[form])


def get_usage_summary(call: Call) -> Answer:
    """Requests by hour or day."""
    return ok(usage.summary(call.read, organization_of(caller(call)), call.query))


def get_usage_endpoints(call: Call) -> Answer:
    """Requests by operation."""
    return ok(usage.by_endpoint(call.read, organization_of(caller(call)), call.query))


def get_usage_errors(call: Call) -> Answer:
    """Refusals by operation and status."""
    return ok(usage.by_error(call.read, organization_of(caller(call)), call.query))
