"""The command line. Each command imports what it needs when it runs, so that `writ --help` answers at
once.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from writ import __version__
from writ.client.environments import env
from writ.client.jobs import job
from writ.client.keys import key
from writ.client.sites import site
from writ.client.webhooks import webhook

if TYPE_CHECKING:
    from datetime import datetime

    from writ.settings import Settings
    from writ.supervise.home import CannotStart

EPILOG = "Every setting is a WRIT_* variable of the environment: docs/config-matrix.md lists them."


@click.group(
    epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(version=__version__, message="writ %(version)s")
def writ() -> None:
    """Writ: a control plane whose orders are jobs that are carried out once, visibly, to the end.

    key, webhook, job, site and env call a running Writ (WRIT_URL) with an API key (WRIT_API_KEY).

    `writ up` runs all of it on this machine. On several machines run `writ migrate` once, then as many
    `writ server` and `writ worker` as there is work, and a `writ pump`, with the same WRIT_DATABASE_URL,
    WRIT_REDIS_URL and WRIT_SECRET_KEY.
    """


home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of all state (WRIT_HOME; default .writ).",
)
host_option = click.option("--host", help="Address to listen on (WRIT_HOST; default 127.0.0.1).")


def _settings(**overrides: object) -> Settings:
    """The settings, after command-line options have been put where child processes read them too."""
    from pydantic import ValidationError

    from writ.settings import get_settings

    for name, value in overrides.items():
        if value is not None:
            os.environ[f"WRIT_{name.upper()}"] = str(value)
    get_settings.cache_clear()
    try:
        return get_settings()
    except ValidationError as error:
        for problem in error.errors():
            variable = "WRIT_" + "_".join(str(part) for part in problem["loc"]).upper()
            click.echo(f"Error: {variable}: {problem['msg'].removeprefix('Value error, ')}", err=True)
        raise SystemExit(2) from None


@writ.command()
@home_option
@host_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the control plane; 0 takes a free one.")
@click.option("--tour", is_flag=True, help="Run the tour when all is ready, then stop; exit with its status.")
def up(home: Path | None, host: str | None, port: int | None, tour: bool) -> None:
    """Run all of Writ on this machine: Redis, server, recorder, workers, pump and the sites server.

    Without WRIT_REDIS_URL a Redis is started in the home folder; without WRIT_DATABASE_URL the database is
    an SQLite file there. The tables are made or brought up to date, and the first time an admin is made.
    Ctrl-C stops all of it: running jobs get WRIT_STOP_GRACE_SECONDS to finish, then they are handed back
    to the queue; a second Ctrl-C does that at once.
    """
    from writ.supervise.home import CannotStart
    from writ.supervise.up import up as run

    try:
        if tour:
            from writ.tour.folder import tour_folder

            with tour_folder(home, trusted=os.environ.get("WRIT_TRUSTED_PATHS", "")) as folder:
                os.environ.update(folder.environment)
                settings = _settings(home=folder.home, host=host, port=0 if port is None else port)
                folder.passed = (status := run(settings, tour=True)) == 0
        else:
            status = run(_settings(home=home, host=host, port=port))
    except CannotStart as problem:
        _refuse(problem)
    raise SystemExit(status)


def _refuse(problem: CannotStart) -> NoReturn:
    click.echo(f"Error: {problem}", err=True)
    raise SystemExit(problem.code)


def _need_redis(settings: Settings) -> None:
    """Ends the program when it has no Redis: only `writ up` starts one."""
    from writ.supervise.home import CannotStart

    if settings.redis_url is None:
        _refuse(CannotStart("WRIT_REDIS_URL is not set; set it, or start everything with `writ up`."))


@writ.command()
@home_option
@host_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (WRIT_PORT; default 8080).")
@click.option(
    "--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Server processes."
)
def server(home: Path | None, host: str | None, port: int | None, processes: int) -> None:
    """Serve the API, the documentation and the probes. It never runs a job: that is what workers do."""
    settings = _settings(home=home, host=host, port=port)
    _need_redis(settings)
    _serve("writ.app:create_app", settings.host, settings.port, processes)


@writ.command()
@home_option
@host_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (WRIT_SITES_PORT).")
def sites(home: Path | None, host: str | None, port: int | None) -> None:
    """Serve the sites of the embedded node, on a port of their own, chosen by the Host header."""
    settings = _settings(home=home, host=host, sites_port=port)
    _serve("writ.sites_server:create_sites_app", settings.host, settings.sites_port, 1)


def _serve(factory: str, host: str, port: int, processes: int) -> None:
    from granian import Granian
    from granian.constants import Interfaces, Loops

    from writ.supervise.home import CannotStart, choose_port

    try:
        port = choose_port(host, port, option="--port")
    except CannotStart as problem:
        _refuse(problem)
    Granian(
        factory,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=processes,
        factory=True,
        # A request in flight gets this long when the server is told to stop.
        workers_kill_timeout=8,
        respawn_failed_workers=True,
    ).serve()


@writ.command()
@home_option
@click.option("--count", type=click.IntRange(1, 64), help="Worker processes (WRIT_WORKERS; default 2).")
def worker(home: Path | None, count: int | None) -> None:
    """Carry out jobs, each in a process of its own.

    The first SIGTERM lets running jobs finish; the second hands them back to the queue.
    """
    settings = _settings(home=home, workers=count)
    _need_redis(settings)
    from writ.app import job_services
    from writ.jobs.pool import run_pool
    from writ.logs import configure_logging

    configure_logging(settings.log_level)
    run_pool(settings, settings.workers, job_services)


@writ.command()
@home_option
def pump(home: Path | None) -> None:
    """Take events on: give them their order, and deliver them to webhooks. More than one take turns."""
    settings = _settings(home=home)
    from writ.duties.pump import make_engine
    from writ.events.pump import run_pump
    from writ.logs import configure_logging

    configure_logging(settings.log_level)
    run_pump(settings, make_engine)


@writ.command()
@home_option
def recorder(home: Path | None) -> None:
    """Bring what servers have answered into the audit log, seal it, and delete what is too old.

    One of several works, and the others wait. Needs the database and the home folder, but no Redis.
    """
    settings = _settings(home=home)
    from writ.duties.recorder import recorder_duties
    from writ.logs import configure_logging
    from writ.records.recorder import run_recorder

    configure_logging(settings.log_level)
    run_recorder(settings, recorder_duties(settings))


@writ.command()
@home_option
def migrate(home: Path | None) -> None:
    """Prepare the database: make its tables or bring them up to date, and make the first admin.

    Safe to repeat, and while other processes run; `writ up` does the same by itself.
    """
    from sqlalchemy.engine import make_url

    from writ.supervise.home import CannotStart
    from writ.supervise.up import credentials_line, prepare_database

    settings = _settings(home=home)
    try:
        made = prepare_database(settings)
    except CannotStart as problem:
        _refuse(problem)
    click.echo(f"The database is up to date: {make_url(settings.database).render_as_string()}")
    if made is not None:
        click.echo(credentials_line(made))


@writ.command()
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="Address of a running Writ.")
@click.option("--email", envvar="WRIT_ADMIN_EMAIL", help="The admin's e-mail (WRIT_ADMIN_EMAIL).")
@click.option("--password", envvar="WRIT_ADMIN_PASSWORD", help="The admin's password (WRIT_ADMIN_PASSWORD).")
@click.option("--keep", is_flag=True, help="Leave the tour's site in place instead of deleting it.")
def tour(url: str, email: str | None, password: str | None, keep: bool) -> None:
    """Try a running Writ through its public API: deploy, back up, clone, promote, restore; exit 0 or 1."""
    from writ.tour.tour import run_tour

    email = email or click.prompt("E-mail of the admin")
    password = password or click.prompt("Password", hide_input=True)
    raise SystemExit(run_tour(url, email, password, keep=keep))


@writ.group()
def admin() -> None:
    """Look after the admin's account from the machine itself."""


@admin.command("reset-password")
@home_option
@click.option("--email", help="Whose password (default: WRIT_ADMIN_EMAIL).")
def reset_password(home: Path | None, email: str | None) -> None:
    """Give the admin a new password, end all of their sessions, and print the password once."""
    import secrets

    from sqlalchemy.exc import DBAPIError

    from writ.access import bootstrap
    from writ.store.work import Store
    from writ.supervise.home import CannotStart

    settings = _settings(home=home)
    email = email or settings.admin_email
    password = secrets.token_urlsafe(18)
    if settings.database_url is None and not (settings.home_path / "writ.db").exists():
        _refuse(CannotStart(f"There is no Writ in {settings.home_path}; name its folder with --home."))
    store = Store(settings.database, pool_size=1)
    try:
        known = bootstrap.reset_password(store, settings, email, password)
    except DBAPIError as problem:
        # Without the statement: its parameters hold a password's hash.
        reason = " ".join(str(problem.orig).split())
        _refuse(CannotStart(f"The database cannot be used: {reason}", code=1))
    finally:
        store.close()
    if not known:
        click.echo(f"Error: nobody here has the e-mail {email}; name another with --email.", err=True)
        raise SystemExit(1)
    click.echo(f"The new password of {email}: {password}")


@writ.group()
def audit() -> None:
    """Check and export the audit log."""


@audit.command("verify")
@home_option
@click.option("--anchor", help="Hash of a seal that was noted before: the log must still go through it.")
@click.option(
    "--days", type=click.IntRange(1), help="Retention (WRIT_AUDIT_DAYS): rows gone sooner are missed."
)
def verify_audit(home: Path | None, anchor: str | None, days: int | None) -> None:
    """Compare every row of the audit log with its seal, and every seal with the one before.

    Prints the hash of the last seal: note it elsewhere, and a later check with --anchor also finds a log
    whose end was cut off or that was sealed anew. Exits with 1 at the first thing that is wrong.
    """
    from writ.records.command import verify_log

    raise SystemExit(verify_log(_settings(home=home), anchor, days, click.echo))


@audit.command("export")
@home_option
@click.option("--from", "since", type=click.DateTime(), help="First time (UTC).")
@click.option("--to", "until", type=click.DateTime(), help="Time (UTC) before which to end.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
def export_audit(home: Path | None, since: datetime | None, until: datetime | None, form: str) -> None:
    """Write the whole log, of all organizations and of strangers, to standard output, oldest first."""
    from writ.records.command import export_log

    raise SystemExit(export_log(_settings(home=home), since, until, form, sys.stdout.buffer))


@writ.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete this command, e.g. eval "$(writ completion bash)"."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 (click brings these three)
    click.echo(found(writ, {}, "writ", "_WRIT_COMPLETE").source())


for group in (key, webhook, job, site, env):
    writ.add_command(group)


def main() -> None:
    """The entry point of the `writ` command."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries, for developers; the tests show them
    writ(prog_name="writ")


if __name__ == "__main__":
    main()
