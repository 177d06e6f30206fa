"""The signatures, held against the verifiers of the field and against the algorithm that people were told."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from writ.events.matching import matches_type, passes
from writ.events.payload import PAYLOAD_MAX_BYTES, Told, render
from writ.events.retry import next_delay, parse_retry_after, scheduled_delay
from writ.events.signing import Signer, make_secret

BODY = '{"id":"evt_1","text":"Žofie"}'.encode()


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def verify_as_told(secret: str, body: bytes, signature: str) -> bool:
    """As the documentation of the content API writes it: the whole secret is the key, of the raw body."""
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature)


def test_a_secret_has_32_random_bytes() -> None:
    one, other = make_secret(), make_secret()
    assert one.startswith("whsec_")
    assert len(one) == 6 + 44
    assert one != other


@pytest.mark.requirement("S3-159", "S3-162", "S4-132", "S4-133", "S4-134")
@given(st.binary(min_size=0, max_size=500))
def test_every_body_is_verified_by_both_algorithms(body: bytes) -> None:
    secret = make_secret()
    text = body.hex().encode()
    headers = Signer(secret).headers("evt_1", int(time.time()), b'"%b"' % text)
    Webhook(secret).verify(b'"%b"' % text, lower(headers))
    assert verify_as_told(secret, b'"%b"' % text, headers["X-WedSync-Signature"])
    assert not verify_as_told(secret, b'"%b" ' % text, headers["X-WedSync-Signature"])


def test_a_changed_body_is_noticed() -> None:
    secret = make_secret()
    headers = lower(Signer(secret).headers("evt_1", int(time.time()), BODY))
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(secret).verify(BODY.replace(b"1", b"2"), headers)


def test_two_secrets_sign_side_by_side() -> None:
    new, old = make_secret(), make_secret()
    headers = Signer(new, old).headers("evt_1", int(time.time()), BODY)
    for secret in (new, old):
        Webhook(secret).verify(BODY, lower(headers))
    assert verify_as_told(new, BODY, headers["X-Webhook-Signature"])
    assert verify_as_told(old, BODY, headers["X-Webhook-Signature-Previous"])


@pytest.mark.parametrize("secret", ["a-secret-of-my-own", "whsec_not base64!", "whsec_example"])
@pytest.mark.requirement("S4-116")
def test_a_secret_of_any_form_is_the_key_as_it_is_written(secret: str) -> None:
    stamp = int(time.time())
    headers = Signer(secret).headers("evt_1", stamp, BODY)
    assert verify_as_told(secret, BODY, headers["X-WedSync-Signature"])
    # Who uses the whole secret in the other scheme finds a signature too.
    signed = b"evt_1.%d.%b" % (stamp, BODY)
    import base64

    wanted = base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()
    assert f"v1,{wanted}" in headers["webhook-signature"].split(" ")


SCRIPT = """
const { Webhook } = require('standardwebhooks');
const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));
for (const secret of given.secrets) new Webhook(secret).verify(given.body, given.headers);
let refused = false;
const changed = given.body + ' ';
try { new Webhook(given.secrets[0]).verify(changed, given.headers); } catch (error) { refused = true; }
process.stdout.write(refused ? 'verified' : 'takes anything');
"""


@pytest.mark.slow
def test_the_verifier_of_npm_agrees(tmp_path: Path) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no node with npm here")
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "standardwebhooks@1.0.0"]
    installed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    if installed.returncode:
        pytest.skip(f"npm cannot install standardwebhooks here: {installed.stderr[-200:]}")
    new, old = make_secret(), make_secret()
    headers = lower(Signer(new, old).headers("evt_1", int(time.time()), BODY))
    given = {"secrets": [new, old], "body": BODY.decode(), "headers": headers}
    found = subprocess.run(
        ["node", "-e", SCRIPT],
        cwd=tmp_path,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert found.stdout == "verified", found.stderr


def told(**more: object) -> Told:
    values = {
        "id": UUID(int=1),
        "type": "environment.deployed",
        "organization_id": UUID(int=2),
        "project_id": None,
        "subject": "environment:1",
        "data": {"id": "1"},
        "changes": None,
        "created_at": datetime(2026, 2, 20, 10, 15, tzinfo=UTC),
    }
    return Told(**(values | more))  # type: ignore[arg-type]


@pytest.mark.requirement(
    "S3-154", "S3-155", "S3-156", "S3-157", "S3-158", "S4-128", "S4-129", "S4-130", "S4-131"
)
def test_the_payload_has_what_everybody_reads() -> None:
    found = json.loads(render(told(), None))
    assert found["id"] == "evt_" + UUID(int=1).hex
    assert found["created_at"] == found["timestamp"] == "2026-02-20T10:15:00Z"
    assert found["organization_id"] == str(UUID(int=2))
    assert found["data"] == {"id": "1"}


@pytest.mark.parametrize("over", [0, 1])
def test_a_payload_is_thin_from_256_kib_on(over: int) -> None:
    frame = len(render(told(data={"text": ""}), None))
    event = told(data={"text": "z" * (PAYLOAD_MAX_BYTES - frame + over)})
    body = render(event, "https://writ.example.com/")
    assert len(body) <= PAYLOAD_MAX_BYTES
    found = json.loads(body)
    assert found.get("truncated", False) is bool(over)
    if over:
        name = "evt_" + UUID(int=1).hex
        assert found["data"] == {"id": name, "url": f"https://writ.example.com/api/v1/events/{name}"}


@pytest.mark.requirement("S0-61", "S3-170")
def test_the_schedule_of_eight_attempts() -> None:
    policy = {"max_attempts": 8, "backoff": "exponential"}
    delays = [scheduled_delay(policy, attempt) for attempt in range(1, 9)]
    assert delays == [5, 300, 1800, 7200, 18000, 36000, 36000, None]
    assert [scheduled_delay({}, attempt) for attempt in (1, 2, 3)] == [5, 300, None], (
        "three attempts by default"
    )


@pytest.mark.parametrize(
    ("backoff", "delays"), [("exponential", [2, 4, 8, 10]), ("linear", [2, 4, 6, 8]), ("fixed", [2, 2, 2, 2])]
)
def test_the_ways_to_back_off(backoff: str, delays: list[float]) -> None:
    policy = {"max_attempts": 9, "backoff": backoff, "initial_seconds": 2, "max_seconds": 10}
    assert [scheduled_delay(policy, attempt) for attempt in (1, 2, 3, 4)] == delays


def test_jitter_and_what_a_receiver_asks_for() -> None:
    policy = {"max_attempts": 2, "backoff": "fixed", "initial_seconds": 100}
    delays = [next_delay(policy, 1, 500) or 0 for _ in range(500)]
    assert 80 <= min(delays) < 90 < 110 < max(delays) <= 120
    for status in (429, 502, 503, 504):
        assert [next_delay(policy, 1, status, asked) for asked in (1, 150, 9999)] == [100, 150, 200]
    assert (next_delay(policy, 1, 500, 9999) or 0) <= 120, "only these four may ask"


def test_retry_after_is_a_number_or_a_date() -> None:
    moment = datetime(2026, 2, 20, 10, tzinfo=UTC)
    date = (moment + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert parse_retry_after("120", moment) == 120
    assert parse_retry_after(date, moment) == 90
    for text in (None, "", "soon", "-1", "1.5", "٣", "9" * 400):
        found = parse_retry_after(text, moment)
        assert found is None or found > 0


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("*", True), ("environment.*", True), ("environment.deployed", True), ("*.deployed", True),
     ("env*.dep*", True), ("environment", False), ("environment.", False), ("site.*", False)],
)  # fmt: skip
def test_globs(pattern: str, fits: bool) -> None:
    assert matches_type("environment.deployed", [pattern]) is fits


def test_filters_all_have_to_let_it_through() -> None:
    event = told(data={"site": {"slug": "shop"}, "n": 1}, project_id=UUID(int=9))
    good = {"project_ids": [str(UUID(int=9))], "subjects": ["environment:*"], "data": {"site.slug": "shop"}}
    assert passes(event, good)
    for name, value in (("project_ids", []), ("subjects", ["job:*"]), ("data", {"site.slug": "x", "n": 1})):
        assert not passes(event, good | {name: value})
    assert not passes(event, {"data": {"site.slug.deeper": "shop"}})
    assert not passes(event, {"data": {"n": True}}), "true is not 1"
