"""Every setting, read once from WRIT_* variables; docs/config-matrix.md is generated from this file."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from functools import cached_property, lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Network = IPv4Network | IPv6Network

_DATABASES = ("sqlite", "sqlite+pysqlite", "postgresql", "postgres", "postgresql+psycopg")
_RATE_CLASSES = ("read", "write", "upload", "batch", "webhook")
_LOG_LEVELS = ("debug", "info", "warning", "error")


class Settings(BaseSettings):
    """The settings of one process; immutable. In the environment lists have commas, paths also colons, and an
    empty variable is one that is not set.
    """

    model_config = SettingsConfigDict(env_prefix="WRIT_", frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Field(Path(".writ"), description="Folder of all state: database, files, nodes, logs.")
    host: str = Field("127.0.0.1", description="Address the server listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port the server listens on; 0 takes a free one.")
    public_url: str | None = Field(
        None, description="Address people use, when a proxy stands in front; https here makes cookies Secure."
    )
    sites_port: int = Field(
        0, ge=0, le=65535, description="Port of the embedded node's web server; 0 takes a free one."
    )
    admin_email: str = Field("admin@writ.localhost", description="E-mail of the admin made at first start.")
    admin_password: SecretStr | None = Field(
        None, description="Password of the admin made at first start; generated and shown once when absent."
    )
    database_url: str | None = Field(
        None, description="SQLAlchemy URL; an SQLite file in the home folder when absent."
    )
    redis_url: str | None = Field(None, description="Redis URL; an embedded Redis is started when absent.")
    secret_key: SecretStr | None = Field(
        None, description="Key for secrets at rest; made in the home folder at first start when absent."
    )
    workers: int = Field(2, ge=1, le=64, description="Worker processes that carry out jobs.")
    server_threads: int = Field(8, ge=1, le=256, description="Threads per server process that run handlers.")
    trusted_networks: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), description="Private networks (CIDR) that outgoing calls and clones may reach."
    )
    trusted_paths: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="Folders from which `file:` clones are allowed."
    )
    body_max_bytes: int = Field(1 << 20, ge=1024, description="Largest JSON or form body, in bytes.")
    upload_max_bytes: int = Field(512 << 20, ge=1024, description="Largest uploaded archive, in bytes.")
    archive_max_bytes: int = Field(
        2 << 30, ge=1024, description="Largest sum of the unpacked files of an archive, in bytes."
    )
    archive_max_files: int = Field(200_000, ge=1, description="Most files an archive may hold.")
    rate_limit_factor: float = Field(
        1.0, gt=0, le=1e6, description="Multiplies every limit but those that API keys have of their own."
    )
    rate_limit_without_redis: Annotated[tuple[str, ...], NoDecode] = Field(
        ("read", "write", "upload", "webhook"),
        description="Rate classes served while Redis is gone, or `none`; the others get 503.",
    )
    session_hours: int = Field(24 * 7, ge=1, description="Life of a login, in hours.")
    idempotency_hours: int = Field(
        24, ge=1, description="Life of an answer that is kept for an Idempotency-Key, in hours."
    )
    signature_window_seconds: int = Field(
        300, ge=1, le=86400, description="How far from the clock a signature's `created` may be, in seconds."
    )
    lease_seconds: float = Field(
        15.0, ge=0.5, description="Silence after which a worker is lost, in seconds."
    )
    job_max_attempts: int = Field(3, ge=1, description="Attempts at a job whose worker was lost, in all.")
    step_timeout_seconds: float = Field(1800.0, gt=0, description="Longest time of one step, in seconds.")
    stop_grace_seconds: float = Field(
        20.0, ge=0, description="Time that running jobs get to finish when the product stops, in seconds."
    )
    releases_kept: int = Field(5, ge=2, description="Good releases kept in an environment.")
    safety_backups_kept: int = Field(
        5, ge=1, description="Automatic backups (before restores, promotions, imports) kept an environment."
    )
    upload_hours: int = Field(72, ge=1, description="Life of an upload that no open job needs, in hours.")
    event_days: int = Field(30, ge=1, description="How long events and notifications are kept, in days.")
    stream_seconds: float = Field(
        900.0, gt=0, description="Longest life of a stream of events, in seconds; clients come again."
    )
    audit_days: int = Field(
        180, ge=1, description="Days that the audit log keeps a call; its seal is kept for ever."
    )
    audit_fsync: bool = Field(
        False, description="Answer only when the audit record is on the disk; slow, survives a power cut."
    )
    webhook_days: int = Field(
        30, ge=1, description="How long ended deliveries of webhooks are kept, in days."
    )
    webhook_replay_events: int = Field(
        1_000, ge=1, description="How many events one order may tell a webhook once more."
    )
    check_answers: bool = Field(
        False,
        description="Check every answer and event against the contract; a wrong one is a 500. For tests.",
    )
    log_level: str = Field("info", description="debug, info, warning or error.")

    @field_validator("trusted_networks", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(ip_network(part) for part in value.replace(",", " ").split())
        return value

    @field_validator("trusted_paths", mode="before")
    @classmethod
    def _paths(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(Path(part) for part in re.split(f"[,{os.pathsep}]", value) if part)
        return value

    @field_validator("rate_limit_without_redis", mode="before")
    @classmethod
    def _classes(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        words = tuple(part for part in value.replace(",", " ").split() if part != "none")
        if wrong := [word for word in words if word not in _RATE_CLASSES]:
            raise ValueError(f"expected none or some of {', '.join(_RATE_CLASSES)}, not {', '.join(wrong)}")
        return words

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/?#@]+/?", value):
            raise ValueError("expected an address without a path, like https://writ.example.com")
        return value

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, value: str | None) -> str | None:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        # The URL itself is not repeated: it may hold a password.
        expected = "expected postgresql://user:password@host/name or sqlite:////folder/file"
        if value is not None:
            try:
                driver = make_url(value).drivername
            except (ArgumentError, ValueError):
                raise ValueError(expected) from None
            if driver not in _DATABASES:
                raise ValueError(f"{expected}, not {driver}")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, value: str | None) -> str | None:
        from redis.connection import parse_url

        if value is not None:
            try:
                parse_url(value)  # type: ignore[no-untyped-call]
            except ValueError:
                raise ValueError(
                    "expected redis://, rediss:// or unix://, like redis://host:6379/0"
                ) from None
        return value

    @field_validator("log_level")
    @classmethod
    def _log_level(cls, value: str) -> str:
        if value.lower() not in _LOG_LEVELS:
            raise ValueError(f"expected one of {', '.join(_LOG_LEVELS)}")
        return value.lower()

    @cached_property
    def home_path(self) -> Path:
        """The home folder, absolute."""
        return self.home.expanduser().absolute()

    @cached_property
    def database(self) -> str:
        """The database's URL, with the embedded default filled in."""
        return self.database_url or f"sqlite:///{self.home_path / 'writ.db'}"

    @cached_property
    def node_root(self) -> Path:
        """The folder in which the embedded node keeps everything."""
        return self.home_path / "nodes" / "local"

    @cached_property
    def files_root(self) -> Path:
        """The folder of uploads and backups."""
        return self.home_path / "files"

    def secret(self) -> bytes:
        """The key for secrets at rest, 32 bytes or more; made on first use (mode 0600) when not set."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value().encode()
        path = self.home_path / "secret_key"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            # Written beside and linked: of two processes one wins, and nobody reads half a key.
            part = path.with_name(f".secret_key.{secrets.token_hex(4)}")
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(secrets.token_urlsafe(48).encode())
            with suppress(FileExistsError):
                os.link(part, path)
            part.unlink()
        return path.read_bytes()


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read from the environment once."""
    return Settings()
