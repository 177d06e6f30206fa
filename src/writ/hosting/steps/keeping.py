"""What keeps an environment as it should be: drift, caches, domains, and its end."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, select
from writ_contract.events import ENVIRONMENT_DELETED

from writ.contract.errors import Refusal
from writ.hosting.backups import KIND_OF_FILE
from writ.hosting.models import Backup, Domain, Environment, Node, Release
from writ.hosting.node import cache, drift, hosts, webserver, wp
from writ.hosting.node.base import Tools
from writ.hosting.nodes import choose_node, reach_node
from writ.hosting.steps.bench import Bench
from writ.hosting.telling import tell
from writ.jobs.context import JobContext


def reach(ctx: JobContext) -> None:
    """See that the node of the environment answers."""
    Bench(ctx).tools.run("true")


def reach_site_node(ctx: JobContext) -> None:
    """See that there is a node for the site's environments, and that it answers."""
    with ctx.begin() as session:
        node = session.get_one(Node, choose_node(session))
        session.expunge(node)
    Tools(reach_node(node, ctx.services.settings), stop=ctx.signal, log=ctx.log).run("true")
    ctx.log(f"The node {node.name} answers.")


def prepare(ctx: JobContext) -> None:
    """Make the environment's folder on its node."""
    bench = Bench(ctx)
    bench.tools.make_folder(bench.layout.releases)


def unprepare(ctx: JobContext) -> None:
    """Remove the environment's folder again."""
    bench = Bench(ctx)
    bench.tools.remove(bench.layout.home)


def compare(ctx: JobContext) -> None:
    """Compare the files that are served with the manifest of their release."""
    bench = Bench(ctx)
    if bench.current_release_id is None:
        raise Refusal("NO_CURRENT_RELEASE", "The environment has no release; deploy one.")
    expected = bench.manifest_of(bench.current_release_id)
    found = drift.check_drift(bench.tools, bench.layout, str(bench.current_release_id), expected)
    ctx.result.update(found.as_json())


def switch_cache(ctx: JobContext) -> None:
    """Switch the caches and write the server block anew."""
    bench = Bench(ctx)
    ctx.keep(flags=_flags(bench))
    _switch(bench, ctx.parameters.get("fastcgi_cache_enabled"), ctx.parameters.get("redis_cache_enabled"))


def switch_cache_back(ctx: JobContext) -> None:
    """Switch the caches back to what they were."""
    if "flags" in ctx.data:
        _switch(Bench(ctx), *ctx.data["flags"])


def _flags(bench: Bench) -> list[bool]:
    flags = cache.read_cache(bench.tools, bench.layout)
    return [flags.fastcgi_cache_enabled, flags.redis_cache_enabled]


def _switch(bench: Bench, fastcgi: bool | None, redis: bool | None) -> None:
    site = bench.layout.current
    changes = redis is not None and redis != cache.read_cache(bench.tools, bench.layout).redis_cache_enabled
    wordpress = wp.is_wordpress(bench.tools, site)
    if redis is not None and changes and wordpress:
        wp.switch_object_cache(bench.tools, site, redis)
    flags = cache.set_flags(bench.tools, bench.layout, fastcgi=fastcgi, redis=redis)
    bench.render_server_block()
    page, objects = ("on" if on else "off" for on in (flags.fastcgi_cache_enabled, flags.redis_cache_enabled))
    bench.tools.log(f"FastCGI page cache {page}, Redis object cache {objects}.")
    if (flags.fastcgi_cache_enabled or flags.redis_cache_enabled) and not wordpress:
        bench.tools.log("The environment serves no WordPress, so there is nothing to cache yet.")


def purge(ctx: JobContext) -> None:
    """Begin a new generation of cached pages, so the old ones are never found again, and empty Redis."""
    bench = Bench(ctx)
    site = bench.layout.current
    flags = cache.read_cache(bench.tools, bench.layout)
    if flags.redis_cache_enabled and wp.is_wordpress(bench.tools, site):
        wp.flush_object_cache(bench.tools, site)
    cache.purge(bench.tools, bench.layout)
    bench.render_server_block()


def serve_hostname(ctx: JobContext) -> None:
    """Serve the environment under the order's hostname."""
    bench = Bench(ctx)
    bench.render_server_block([*bench.hostnames(), ctx.parameters["hostname"]])
    hosts.publish(bench.tools, ctx.parameters["hostname"], str(bench.environment_id))


def stop_hostname(ctx: JobContext) -> None:
    """Serve the environment no longer under the order's hostname."""
    bench = Bench(ctx)
    hosts.withdraw(bench.tools, ctx.parameters["hostname"])
    bench.render_server_block([name for name in bench.hostnames() if name != ctx.parameters["hostname"]])


def take_down(ctx: JobContext) -> None:
    """Serve nothing of the order's environments any more and remove their files."""
    for environment_id in _environments(ctx):
        bench = Bench(ctx, environment_id)
        with ctx.services.store.read() as connection:
            wanted = select(Domain.hostname).where(Domain.environment_id == environment_id)
            # All of them: a domain whose deletion failed may still be published.
            domains = connection.scalars(wanted).all()
        hosts.withdraw(bench.tools, bench.hostname, *domains)
        webserver.remove(bench.tools, bench.layout)
        bench.tools.remove(bench.layout.home)
        ctx.check()


def forget(ctx: JobContext) -> None:
    """Remove the archives and rows of the order's environments."""
    for environment_id in _environments(ctx):
        with ctx.services.store.read() as connection:
            found = connection.scalars(select(Backup.id).where(Backup.environment_id == environment_id)).all()
        for backup_id in found:
            ctx.services.files.drop(KIND_OF_FILE, backup_id)
        with ctx.begin() as session:
            tell(session, ENVIRONMENT_DELETED, environment_id)
            for table in (Backup, Domain, Release):
                session.execute(delete(table).where(table.environment_id == environment_id))
            session.execute(delete(Environment).where(Environment.id == environment_id))


def _environments(ctx: JobContext) -> list[UUID]:
    """The environments that a deletion is about: the one of the order, or all of the site."""
    wanted = (
        Environment.id == ctx.environment_id
        if ctx.environment_id is not None
        else Environment.site_id == ctx.site_id
    )
    with ctx.services.store.read() as connection:
        return list(connection.scalars(select(Environment.id).where(wanted)).all())


def drop_backup(ctx: JobContext) -> None:
    """Remove the archive of the backup."""
    if ctx.backup_id is not None:
        ctx.services.files.drop(KIND_OF_FILE, ctx.backup_id)
