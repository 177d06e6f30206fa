"""The world that the contract's examples speak of: made by real jobs, under the ids that the examples name.

The rows of the site, its environments, its backup and its domain are written with their ids, and then the
product's own jobs do what belongs to them, so that releases lie on the node's disk and the backup's archive
in the file store. Only the jobs whose end cannot be had honestly (failed, cancelled, running for ever) and
what another site has are rows and nothing else.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import secrets
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import ECKey
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session

import writ.hosting.jobs  # noqa: F401  (its kinds of job register themselves)
from writ.access.key_permissions import ENDPOINTS
from writ.access.key_secrets import make_secret, seal_secret
from writ.access.key_text import hash_key, make_key
from writ.access.models import DEFAULT_ORGANIZATION_ID, ApiKey, LoginSession, Organization, User
from writ.access.oauth.models import (
    DeveloperApplication,
    OAuthCode,
    OAuthGrant,
    OAuthKey,
    OAuthRefreshToken,
)
from writ.access.oauth.secrets import hash_secret
from writ.access.rate_models import RatePolicy
from writ.access.roles import EVERY, PROJECT_SPECIFIC, ROLES, SCOPES_OF_PRESET
from writ.access.sessions import TOKEN_PREFIX, hash_token
from writ.events.lanes import secret_place
from writ.events.models import Event, Notification
from writ.events.sequencer import number_events
from writ.events.webhook_models import WebhookDelivery, WebhookSubscription
from writ.gateway.sight import Sight
from writ.hosting import backups, domains, environments, releases, sites
from writ.hosting.models import Backup, Domain, Environment, Node, Site, Upload
from writ.hosting.orders import Orders
from writ.jobs import transport
from writ.jobs.models import CANCELLED, FAILED, FINAL, PENDING, RUNNING, SUCCEEDED, Job, JobLog, JobStep
from writ.records.entry import time_of
from writ.records.sealing import append
from writ.settings import Settings
from writ.store.base import now
from writ.store.files import FileStore
from writ.store.secrets import Sealer
from writ.store.work import Store


def known_id(number: int) -> UUID:
    """The id that ends in `number` (as it is read: 21 is …0021)."""
    return UUID(f"01890000-0000-7000-8000-{number:012d}")


SITE = known_id(1)
PRODUCTION, STAGING = known_id(11), known_id(12)
OLD_RELEASE, RELEASE = known_id(20), known_id(21)
BACKUP, DOMAIN, UPLOAD = known_id(31), known_id(41), known_id(61)
FAILED_JOB, RUNNING_JOB, CANCELLED_JOB = known_id(51), known_id(52), known_id(53)
UNKNOWN = known_id(999999)
# Beside the examples' world: another site with an environment, for what is refused because it is another's.
OTHER_SITE, OTHER_ENVIRONMENT, OTHER_BACKUP, UNLUCKY_BACKUP = (
    known_id(2),
    known_id(13),
    known_id(32),
    known_id(33),
)

EVENT, NOTIFICATION = known_id(91), known_id(95)
GONE_EVENT = f"evt_{UNKNOWN.hex}"

KEY, EXPIRED_KEY, REVOKED_KEY, KEY_FROM_ELSEWHERE, KEY_OF_NOTHING = map(known_id, range(71, 76))
WEBHOOK, DELIVERY, DELIVERED_EVENT, EARLY_EVENT = map(known_id, (501, 511, 521, 522))
KEY_OF_PRESET = {preset: known_id(76 + at) for at, preset in enumerate(sorted(SCOPES_OF_PRESET))}
KEY_THAT_SIGNS, KEY_WITHOUT_ENDPOINTS = known_id(91), known_id(92)
KEY_TEXTS = {
    key: make_key(key, "live")
    for key in (
        KEY,
        EXPIRED_KEY,
        REVOKED_KEY,
        KEY_FROM_ELSEWHERE,
        KEY_OF_NOTHING,
        KEY_THAT_SIGNS,
        KEY_WITHOUT_ENDPOINTS,
        *KEY_OF_PRESET.values(),
    )
}
"""The keys themselves; each process has its own."""
KEY_SECRETS = {key: make_secret() for key in KEY_TEXTS}
"""Their secrets."""

RATE_POLICY, OTHER_RATE_POLICY = known_id(171), known_id(172)

USER = known_id(82)
APPLICATION, PENDING_APPLICATION, DESK_APPLICATION = (
    UUID(f"01890000-0000-7000-8000-0000000000a{n}") for n in (1, 2, 3)
)
CLIENT_SECRET = "writ_cs_Example0fASecretThatIsNobodys00000000000000"
REFRESH_TOKEN = "writ_rt_Example0fATokenThatIsNobodys00000000000000"
CODE = "writ_ac_Example0fACodeThatIsNobodys000000000000000"
CODE_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
GRANT, REVOKED_GRANT = known_id(93), known_id(94)
SIGNING_KEY = ECKey.generate_key("P-256", {"kid": "known", "use": "sig", "alg": "ES256"}, private=True)


def signed_token(grant_id: UUID, seconds: int, scopes: str = "hosting.read") -> str:
    """An access token of the world's own key, good for so many seconds from now."""
    claims = {"iss": "x", "exp": int(time.time()) + seconds, "grant": str(grant_id), "scope": scopes}
    return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": "known"}, claims, SIGNING_KEY)


EXPIRED_TOKEN, REVOKED_TOKEN = signed_token(GRANT, -1), signed_token(REVOKED_GRANT, 86400)
OTHER_ORGANIZATION, FOREIGN_USER = known_id(91), known_id(92)
USER_OF_ROLE = {"creator": USER, "admin": known_id(83), "reviewer": known_id(84), "viewer": known_id(85)}
SESSION_TOKENS = {role: TOKEN_PREFIX + secrets.token_urlsafe(32) for role in USER_OF_ROLE}
"""Somebody of every role but the owner, whom the first start makes, and what they are logged in with."""

PROGRAMS = {
    "php": "#!/bin/sh\nexit 0\n",
    "wp": """#!/bin/sh
case "$*" in
  *"user list"*) echo 1 ;;
  *"login create"*) echo "http://production.shop.example.test/?writ_login=b25lLXRpbWU" ;;
  *"core version"*) echo 6.8 ;;
  *"update --all"*) echo "[]" ;;
esac
""",
}
"""What stands in for PHP and WP-CLI, which machines that run the tests do not have."""


def install_programs(folder: Path) -> str:
    """Write the stand-ins, and return the PATH on which they are found."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in PROGRAMS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def make_archive(words: str) -> bytes:
    """A tar.gz of a small site that WP-CLI takes for WordPress."""
    files = {
        "index.html": f"<h1>{words}</h1>\n",
        "wp-includes/version.php": "<?php $wp_version = '6.8';\n",
        "wp-content/uploads/seed.txt": f"{words}\n",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


class World:
    """Builds the world in the database and the file store of a running product, whose workers do the work."""

    def __init__(self, settings: Settings, contract: dict[str, Any]) -> None:
        if settings.redis_url is None:
            raise ValueError("the product's Redis has to be named")
        self.settings = settings
        self.store = Store(settings.database, pool_size=2)
        self.files = FileStore(settings.files_root)
        self.redis: Redis = transport.make_client(settings.redis_url)
        self._example = contract["components"]["examples"]

    @contextmanager
    def orders(self, job_id: UUID | None = None) -> Iterator[Orders]:
        """A desk for one order, whose job gets the id."""
        order: Any = importlib.import_module("writ.jobs.order")
        make_id = order.new_id
        transport.use(self.store, self.redis)
        if job_id is not None:
            order.new_id = lambda: job_id
        try:
            with self.store.begin() as session:
                yield Orders(session, self.settings, Sight(DEFAULT_ORGANIZATION_ID))
        finally:
            order.new_id = make_id
            transport.use(None, None)

    def carry_out(self, rule: Callable[[Orders], UUID], job_id: UUID | None = None) -> None:
        """Place an order and wait until its job has succeeded."""
        with self.orders(job_id) as orders:
            placed = rule(orders)
        give_up = time.monotonic() + 60
        while True:
            with self.store.read() as connection:
                row = connection.execute(
                    select(Job.status, Job.kind, Job.error_message).where(Job.id == placed)
                ).one()
            if row.status == SUCCEEDED:
                return
            if row.status in FINAL or time.monotonic() > give_up:
                raise AssertionError(f"{row.kind} is {row.status}: {row.error_message}")
            time.sleep(0.02)

    def build(self) -> None:
        """Make everything."""
        self._add_event()
        self._add_upload(UPLOAD, self._example["ZipArchive"]["value"].encode("latin-1"), "application/zip")
        self._add_site()
        self._add_environment(PRODUCTION, "Production", "production", None)
        for release, words in ((OLD_RELEASE, "Hello 20"), (RELEASE, "Hello 21")):
            upload = known_id(release.int % 100 + 600)
            self._add_upload(upload, make_archive(words), "application/gzip")
            body = {"source_type": "upload", "source_ref": str(upload)}
            self.carry_out(partial(_deploy, body), release)
        self._add_environment(STAGING, "Staging", "staging", PRODUCTION)
        self._add_backup()
        self._add_domain()
        self._add_jobs()
        self._add_others()
        self._add_keys()
        self._add_people()
        self._add_applications()
        self._add_tokens()
        self._add_rate_policies()
        self._add_notification()
        self._add_records()

    def add_webhooks(self) -> None:
        """A webhook, and an event that was delivered to it; another event before its time."""
        sealer = Sealer(self.settings.secret())
        moment = datetime(2026, 2, 20, 10, 15, 59, tzinfo=UTC)
        with self.store.begin() as session:
            session.add(
                WebhookSubscription(
                    id=WEBHOOK,
                    organization_id=DEFAULT_ORGANIZATION_ID,
                    created_by=session.scalars(select(User.id).where(User.role == "owner")).one(),
                    webhook_url="https://hooks.example.com/writ",
                    event_types=["environment.*", "job.failed"],
                    filters={"subjects": ["environment:*"]},
                    secret_key=sealer.seal_text(
                        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", secret_place(WEBHOOK)
                    ),
                )
            )
            early = moment - timedelta(days=9)
            for event, created_at in ((DELIVERED_EVENT, moment), (EARLY_EVENT, early)):
                session.add(
                    Event(
                        id=event,
                        type="environment.deployed",
                        organization_id=DEFAULT_ORGANIZATION_ID,
                        project_id=SITE,
                        subject=f"environment:{PRODUCTION}",
                        data=self._example["EventOfDeploy"]["value"]["data"],
                        created_at=created_at,
                    )
                )
            session.flush()
            number_events(session)
            session.add(
                WebhookDelivery(
                    id=DELIVERY,
                    subscription_id=WEBHOOK,
                    event_id=DELIVERED_EVENT,
                    event_type="environment.deployed",
                    status="delivered",
                    attempt_id=known_id(531),
                    next_retry_at=None,
                    http_status_code=200,
                    response_body="ok",
                    response_time_ms=12,
                    delivered_at=moment,
                    created_at=moment,
                )
            )

    def close(self) -> None:
        """Give the connections back."""
        self.store.close()
        self.redis.close()

    def wait_for_positions(self) -> None:
        """Wait until every event has its place in the log."""
        give_up = time.monotonic() + 30
        waiting = select(Event.sequence).where(Event.position.is_(None)).limit(1)
        while True:
            with self.store.read() as connection:
                if connection.execute(waiting).first() is None:
                    return
            if time.monotonic() > give_up:
                raise AssertionError("nobody gives the events their positions")
            time.sleep(0.02)

    def _add_event(self) -> None:
        """The first event of all, so that everything else comes after it."""
        shown = self._example["EventOfDeploy"]["value"]
        with self.store.begin() as session:
            session.add(
                Event(
                    id=EVENT,
                    type=shown["type"],
                    organization_id=DEFAULT_ORGANIZATION_ID,
                    project_id=SITE,
                    subject=shown["subject"],
                    data=shown["data"],
                    changes=shown["changes"],
                )
            )

    def _add_notification(self) -> None:
        values = dict(self._example["NotificationPage"]["value"]["data"][0])
        with self.store.begin() as session:
            session.add(
                Notification(
                    id=NOTIFICATION,
                    organization_id=DEFAULT_ORGANIZATION_ID,
                    project_id=SITE,
                    **{name: values[name] for name in ("kind", "title", "message", "link")},
                )
            )

    def _add_upload(self, upload_id: UUID, data: bytes, media_type: str) -> None:
        self.files.path("uploads", upload_id).write_bytes(data)
        with self.store.begin() as session:
            session.add(
                Upload(id=upload_id, media_type=media_type, sha256=sha256(data).hexdigest(), size=len(data))
            )

    def _add_site(self) -> None:
        with self.store.begin() as session:
            session.add(
                Site(
                    id=SITE,
                    name="Example shop",
                    slug="example-shop",
                    repository_url="https://git.example.com/shop.git",
                    status="failed",  # a job makes again only what failed
                )
            )
        self.carry_out(lambda o: sites.create_site_again(o, SITE))

    def _add_environment(self, environment_id: UUID, name: str, kind: str, source: UUID | None) -> None:
        with self.store.begin() as session:
            session.add(
                Environment(
                    id=environment_id,
                    site_id=SITE,
                    node_id=session.scalars(select(Node.id)).one(),
                    name=name,
                    slug=kind,
                    type=kind,
                    hostname=f"{kind}.example-shop.localhost",
                    source_environment_id=source,
                    promotion_preset="full" if source else None,
                    status="failed",
                )
            )
        self.carry_out(lambda o: environments.create_environment_again(o, environment_id))

    def _add_backup(self) -> None:
        with self.store.begin() as session:
            session.add(Backup(id=BACKUP, environment_id=PRODUCTION, backup_scope="full", status="failed"))
        self.carry_out(lambda o: backups.create_backup_again(o, PRODUCTION, BACKUP))

    def _add_domain(self) -> None:
        with self.store.begin() as session:
            session.add(
                Domain(id=DOMAIN, environment_id=PRODUCTION, hostname="shop.example.test", status="failed")
            )
        self.carry_out(lambda o: domains.create_domain_again(o, PRODUCTION, DOMAIN))

    def _add_jobs(self) -> None:
        failed = self._example["JobFailed"]["value"]
        parameters = {
            "source_type": "git",
            "source_ref": "https://git.example.com/shop.git#main",
            "health_path": None,
        }
        common = {
            "system": "hosting",
            "site_id": SITE,
            "environment_id": PRODUCTION,
            "parameters": parameters,
            "locks": [f"environment:{PRODUCTION}"],
        }
        moment = now()
        with self.store.begin() as session:
            for job_id, status, code in (
                (FAILED_JOB, FAILED, "SOURCE_REF_NOT_FOUND"),
                (RUNNING_JOB, RUNNING, None),
                (CANCELLED_JOB, CANCELLED, "JOB_CANCELLED"),
            ):
                runs = status == RUNNING
                session.add(
                    Job(
                        id=job_id,
                        kind="environment.deploy",
                        status=status,
                        attempt=1,
                        progress=33 if runs else 0,
                        error_code=code,
                        error_message=None if runs else failed["error_message"],
                        lease_owner="nobody" if runs else None,
                        lease_expires_at=moment + timedelta(days=1) if runs else None,
                        started_at=moment,
                        finished_at=None if runs else moment,
                        **common,
                    )
                )
                session.flush()
                for position, name in enumerate(("fetch", "unpack", "check", "activate", "verify", "tidy")):
                    state = (RUNNING if runs else FAILED) if position == 0 else PENDING
                    session.add(JobStep(job_id=job_id, position=position, name=name, status=state))
                for sequence, line in enumerate(self._example["JobLogPage"]["value"]["data"], 1):
                    session.add(
                        JobLog(
                            job_id=job_id,
                            sequence=sequence,
                            level=line["level"],
                            step=line["step"],
                            message=line["message"],
                        )
                    )

    def _add_others(self) -> None:
        with self.store.begin() as session:
            session.add(Site(id=OTHER_SITE, name="Other", slug="other", status="active"))
            session.flush()
            session.add(
                Environment(
                    id=OTHER_ENVIRONMENT,
                    site_id=OTHER_SITE,
                    node_id=session.scalars(select(Node.id)).one(),
                    name="Production",
                    slug="production",
                    type="production",
                    hostname="production.other.localhost",
                    status="active",
                )
            )
            session.flush()
            session.add(
                Backup(
                    id=OTHER_BACKUP,
                    environment_id=OTHER_ENVIRONMENT,
                    backup_scope="full",
                    status="available",
                    size_bytes=1,
                    sha256="0" * 64,
                )
            )
            session.add(
                Backup(id=UNLUCKY_BACKUP, environment_id=PRODUCTION, backup_scope="db", status="failed")
            )

    def _add_keys(self) -> None:
        moment = now()
        differences: dict[UUID, dict[str, Any]] = {
            KEY: {
                "permissions": {"scopes": ["hosting.deploy", "hosting.read", "jobs.read"]},
                "rate_limits": {"per_hour": 2000},
                "rate_limit_per_hour": 2000,
            },
            EXPIRED_KEY: {"expires_at": moment - timedelta(seconds=1)},
            REVOKED_KEY: {"is_active": False, "revoked_at": moment},
            KEY_FROM_ELSEWHERE: {"ip_allowlist": ["192.0.2.0/24", "2001:db8::/32"]},
            KEY_OF_NOTHING: {},
            KEY_THAT_SIGNS: {"require_signature": True},
            KEY_WITHOUT_ENDPOINTS: {
                "permissions": {"scopes": [EVERY], "endpoints": dict.fromkeys(sorted(ENDPOINTS), False)}
            },
        }
        for preset, key in KEY_OF_PRESET.items():
            differences[key] = {"permissions": {"scopes": sorted(SCOPES_OF_PRESET[preset])}}
        differences[KEY_OF_PRESET[PROJECT_SPECIFIC]]["permissions"]["projects"] = [str(SITE)]
        sealer = Sealer(self.settings.secret())
        with self.store.begin() as session:
            maker = session.scalars(select(User.id).where(User.role == "owner")).one()
            for at, (key, values) in enumerate(differences.items()):
                session.add(
                    ApiKey(
                        id=key,
                        organization_id=DEFAULT_ORGANIZATION_ID,
                        key_name=f"Key {at}",
                        api_key=hash_key(KEY_TEXTS[key]),
                        api_secret=seal_secret(sealer, key, KEY_SECRETS[key]),
                        created_by=maker,
                        created_at=moment + timedelta(milliseconds=at),
                        # A time to come: no use of them is written while tests compare answers.
                        last_used_at=moment + timedelta(days=1),
                        **values,
                    )
                )

    def _add_rate_policies(self) -> None:
        example = self._example["RatePolicyOfPublishing"]["value"]
        names = (
            "subject",
            "surface",
            "rate_class",
            "tier",
            "amount",
            "window_seconds",
            "burst",
            "description",
        )
        values = {name: example[name] for name in names}
        with self.store.begin() as session:
            for at, (policy, tier) in enumerate(((RATE_POLICY, "*"), (OTHER_RATE_POLICY, "premium"))):
                session.add(
                    RatePolicy(
                        id=policy,
                        organization_id=DEFAULT_ORGANIZATION_ID,
                        created_at=now() + timedelta(milliseconds=at),
                        **{**values, "tier": tier},
                    )
                )

    def _add_records(self) -> None:
        shown = dict(self._example["AuditEntryOfDeploy"]["value"])
        for name in ("seal", "request_id", "timestamp", "response_time_ms"):
            del shown[name]
        shown["parameters"] = json.dumps(shown["parameters"])
        shown["response_time_us"] = 4210
        for name in ("id", "organization_id", "api_key_id", "user_id"):
            shown[name] = UUID(shown[name])
        shown["timestamp"] = time_of(shown["id"])
        refused = {
            "id": UUID(int=shown["id"].int + 1),
            "status_code": 404,
            "error_code": "ENVIRONMENT_NOT_FOUND",
        }
        with self.store.begin() as session:
            append(session.connection(), [shown, shown | refused])

    def _add_people(self) -> None:
        moment = now()
        names = {"creator": "Carl", "admin": "Ann", "reviewer": "Rita", "viewer": "Vera"}
        with self.store.begin() as session:
            session.add(Organization(id=OTHER_ORGANIZATION, name="Other"))
            session.flush()
            for role in (role for role in ROLES if role in USER_OF_ROLE):
                self._add_user(session, USER_OF_ROLE[role], names[role], role, moment)
                session.flush()
                session.add(
                    LoginSession(
                        user_id=USER_OF_ROLE[role],
                        token_hash=hash_token(SESSION_TOKENS[role]),
                        expires_at=moment + timedelta(days=1),
                    )
                )
            self._add_user(session, FOREIGN_USER, "Fred", "viewer", moment, OTHER_ORGANIZATION)

    def _add_applications(self) -> None:
        moment = now()
        common = {
            "organization_id": DEFAULT_ORGANIZATION_ID,
            "contact_email": "dev@example.com",
            "redirect_uris": ["https://planner.example.com/callback", "http://127.0.0.1:8765/callback"],
            "scopes": ["hosting.deploy", "hosting.read", "jobs.read"],
        }
        confidential = {
            "client_secret": hash_secret(CLIENT_SECRET),
            "grant_types": ["authorization_code", "client_credentials", "refresh_token"],
        }
        public = {"is_confidential": False, "grant_types": ["authorization_code", "refresh_token"]}
        with self.store.begin() as session:
            owner = session.scalars(select(User.id).where(User.role == "owner")).one()
            approved = {"approval_status": "approved", "approved_by": owner, "approved_at": moment}
            for at, (application_id, name, values) in enumerate(
                (
                    (APPLICATION, "Planner", {**confidential, **approved}),
                    (PENDING_APPLICATION, "Newcomer", confidential),
                    (DESK_APPLICATION, "Desk", {**public, **approved}),
                )
            ):
                session.add(
                    DeveloperApplication(
                        id=application_id,
                        application_name=name,
                        client_id=f"app_{application_id.hex}",
                        created_by=owner,
                        created_at=moment + timedelta(milliseconds=at),
                        **common,
                        **values,
                    )
                )

    def _add_tokens(self) -> None:
        moment = now()
        ahead = moment + timedelta(days=1)
        scopes = ["hosting.read", "jobs.read"]
        common = {"application_id": APPLICATION, "user_id": USER, "scopes": scopes, "expires_at": ahead}
        with self.store.begin() as session:
            session.add(
                OAuthKey(
                    kid="known",
                    public_key=SIGNING_KEY.as_dict(private=False),
                    private_key="nobody can open it",
                    retired_at=moment,
                )
            )
            session.add(OAuthGrant(id=GRANT, **common))
            session.add(OAuthGrant(id=REVOKED_GRANT, revoked_at=moment, **common))
            session.flush()
            session.add(
                OAuthRefreshToken(token_hash=hash_secret(REFRESH_TOKEN), grant_id=GRANT, expires_at=ahead)
            )
            session.add(
                OAuthCode(
                    code_hash=hash_secret(CODE),
                    redirect_uri="https://planner.example.com/callback",
                    code_challenge=CODE_CHALLENGE,
                    **common,
                )
            )

    def _add_user(
        self,
        session: Session,
        user_id: UUID,
        name: str,
        role: str,
        moment: datetime,
        organization: UUID = DEFAULT_ORGANIZATION_ID,
    ) -> None:
        session.add(
            User(
                id=user_id,
                organization_id=organization,
                email=f"{name.lower()}@example.com",
                name=name,
                role=role,
                password_hash="nobody knows it",
                created_at=moment,
            )
        )


def _deploy(body: dict[str, Any], orders: Orders) -> UUID:
    return releases.deploy_environment(orders, PRODUCTION, body)
