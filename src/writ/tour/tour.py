"""The story of the tour, stop by stop. Every stop ends with a look from outside: at what is served, not at
a flag.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.markup import escape

from writ.tour.api import Api, Body, TourFailure
from writ.tour.folder import REPOSITORIES
from writ.tour.show import Show
from writ.tour.sources import Repository, archive


class Tour:
    """One walk through a running Writ. `repositories`: a folder it trusts, or None to deploy from uploads
    only.
    """

    def __init__(self, api: Api, show: Show, repositories: Path | None) -> None:
        self.api = api
        self.show = show
        self.slug = f"tour-{secrets.token_hex(4)}"
        self.repository = Repository(repositories / self.slug) if repositories else None
        self.site = ""
        self.production = ""
        self.staging = ""
        self.backup = ""
        self.first_release = ""

    def stops(self) -> list[tuple[str, Callable[[], None]]]:
        """The stops in their order, each with its title."""
        return [
            ("A site with a production environment", self.create),
            ("Deploy the first version", self.deploy_first),
            ("Deploy the second version", self.deploy_second),
            ("A bad deploy changes nothing", self.deploy_bad),
            ("Back up, and prove the backup", self.back_up),
            ("Clone production to staging, and change staging", self.clone),
            ("Promote staging to production", self.promote),
            ("Restore production from the backup", self.restore),
            ("Roll back to the first version", self.roll_back),
            ("Check for drift", self.check_drift),
            ("A domain of its own", self.add_domain),
            ("Cancel an order", self.cancel),
            ("Counters", self.count),
        ]

    def create(self) -> None:
        """A new site and its first environment."""
        job = self.run("create the site", "sites", {"name": "Tour", "slug": self.slug})
        self.site = job["site_id"]
        body = {"name": "Production", "slug": "live", "type": "production"}
        job = self.run("create production", f"sites/{self.site}/environments", body)
        self.production = job["environment_id"]
        self.expect("the environment is active", self.environment(self.production)["status"], "active")

    def deploy_first(self) -> None:
        """A deploy by the id of a commit, with a health check after the swap."""
        if self.repository is None:
            self.show.note(
                "This Writ trusts no folder of the tour's, so it deploys uploads instead of a git repository."
            )
        self.deploy(self.production, "v1", by_commit=True, health_path="/healthy.txt")
        self.serves(self.production, "v1")
        active = [it for it in self.list(f"environments/{self.production}/releases") if it["active"]]
        self.expect("one release is active", len(active), 1)
        self.first_release = active[0]["id"]

    def deploy_second(self) -> None:
        """A deploy by the name of a tag."""
        self.deploy(self.production, "v2")
        self.serves(self.production, "v2")

    def deploy_bad(self) -> None:
        """An order that cannot be carried out fails with a code that says why, and the site serves on."""
        if self.repository is not None:
            body = {"source_type": "git", "source_ref": f"{self.repository.url}#no-such-tag"}
            path = f"environments/{self.production}/deploy"
            job = self.run("deploy an unknown tag", path, body, status="failed")
            self.expect("it failed for the right reason", job["error_code"], "source_ref_not_found")
        else:
            upload = self.api.upload(b"this is no archive")
            body = {"source_type": "upload", "source_ref": upload}
            path = f"environments/{self.production}/deploy"
            job = self.run("deploy a broken archive", path, body, status="failed")
            self.expect("it failed for the right reason", job["error_code"], "archive_invalid")
        self.serves(self.production, "v2")

    def back_up(self) -> None:
        """A full backup that has been restored to scratch by Writ, and arrives whole when it is
        downloaded.
        """
        path = f"environments/{self.production}/backups"
        job = self.run("back up production", path, {"backup_scope": "full"})
        self.backup = job["backup_id"]
        backup = self.api.send("GET", f"backups/{self.backup}", expect=200)
        if not backup["verified_at"]:
            raise TourFailure("the backup has no verified_at")
        self.show.check(f"verified at {backup['verified_at']}")
        size, digest = self.api.download(f"backups/{self.backup}/download")
        self.expect("the download has the size of the backup", size, backup["size_bytes"])
        self.expect("the download has the sha256 of the backup", digest, backup["sha256"])

    def clone(self) -> None:
        """A copy that can be changed without touching the original."""
        body = {
            "name": "Staging",
            "slug": "staging",
            "type": "staging",
            "source_environment_id": self.production,
            "promotion_preset": "full",
        }
        job = self.run("clone to staging", f"sites/{self.site}/environments", body)
        self.staging = job["environment_id"]
        self.serves(self.staging, "v2")
        self.deploy_upload(self.staging, "v3")
        self.serves(self.staging, "v3")
        self.serves(self.production, "v2")

    def promote(self) -> None:
        """What staging has, production gets."""
        body = {"target_environment_id": self.production, "promotion_preset": "full"}
        self.run("promote to production", f"environments/{self.staging}/promote", body)
        self.serves(self.production, "v3")
        reasons = [it["reason"] for it in self.list(f"environments/{self.production}/backups")]
        self.expect("production was backed up before", "before_promote" in reasons, True)

    def restore(self) -> None:
        """The state of the backup is back."""
        body = {"backup_id": self.backup}
        self.run("restore the backup", f"environments/{self.production}/restore", body)
        self.serves(self.production, "v2")

    def roll_back(self) -> None:
        """Back to an earlier release by its id."""
        body = {"release_id": self.first_release}
        self.run("roll back", f"environments/{self.production}/rollback", body)
        self.serves(self.production, "v1")

    def check_drift(self) -> None:
        """Nobody has tampered with the files."""
        self.run("check for drift", f"environments/{self.production}/drift-check")
        self.expect("nothing has drifted", self.environment(self.production)["drift_status"], "clean")

    def add_domain(self) -> None:
        """The site answers under a name of its own, and no more once that is taken away."""
        hostname = f"{self.slug}.example.test"
        path = f"environments/{self.production}/domains"
        self.run("add a domain", path, {"hostname": hostname})
        self.serves(self.production, "v1", hostname=hostname)
        domains = {it["hostname"]: it["id"] for it in self.list(path)}
        if hostname not in domains:
            raise TourFailure(f"{hostname} is not in the list of domains: {sorted(domains)}")
        self.run("remove the domain", f"domains/{domains[hostname]}", method="DELETE")
        answer = self.api.visit(self.address(self.production), hostname=hostname)
        self.expect(f"{hostname} is served no more", answer.status_code, 404)

    def cancel(self) -> None:
        """Orders for one environment queue up; the last of them is cancelled before its turn."""
        path = f"environments/{self.staging}/backups"
        waiting = [self.api.order(path, {"backup_scope": "full"}) for _ in range(3)]
        self.api.send("POST", f"jobs/{waiting[-1]}/cancel", expect=202)
        job = self.watch("back up staging, cancelled", waiting[-1], "cancelled")
        self.expect("no step of it was carried out", job["progress"], 0)
        for job_id in waiting[:-1]:
            self.watch("back up staging", job_id, "succeeded")

    def count(self) -> None:
        """The counters of the whole control plane."""
        metrics = self.api.send("GET", "metrics", expect=200)
        self.expect("a node is active", metrics["nodes_active"] >= 1, True)
        self.expect("there are sites", metrics["sites_total"] >= 1, True)
        self.expect("no job is left running", metrics["jobs_running"], 0)

    def clean_up(self) -> None:
        """Takes the tour's site away, as a last order."""
        url = self.address(self.production)
        self.run("delete the site", f"sites/{self.site}", method="DELETE")
        self.api.send("GET", f"sites/{self.site}", expect=404)
        self.expect("it is served no more", self.api.visit(url).status_code, 404)

    # -- what the stops are made of

    def run(
        self,
        title: str,
        path: str,
        body: Body | None = None,
        *,
        method: str = "POST",
        status: str = "succeeded",
    ) -> Body:
        """Places an order, watches its job, and returns it. Raises TourFailure when it ends otherwise."""
        return self.watch(title, self.api.order(path, body, method=method), status)

    def watch(self, title: str, job_id: str, status: str) -> Body:
        """Watches a job to its end. Raises TourFailure when that is not the expected status."""
        bar = self.show.begin(title)
        job = self.api.follow(job_id, lambda state: self.show.see(bar, state))
        self.show.end(bar, title, job, expected=job["status"] == status)
        if job["status"] != status:
            raise TourFailure(
                f"job {job_id} must end {status}, but {job['status']}: "
                f"{job['error_code']}: {job['error_message']}"
            )
        return job

    def deploy(self, environment: str, version: str, *, by_commit: bool = False, **more: str) -> Body:
        """Deploys a version: from git by its tag (or its commit), or from an upload where git is not at
        hand.
        """
        if self.repository is None:
            return self.deploy_upload(environment, version, **more)
        commit = self.repository.commit(version)
        ref = commit if by_commit else version
        body = {"source_type": "git", "source_ref": f"{self.repository.url}#{ref}", **more}
        return self.run(f"deploy {version} from git", f"environments/{environment}/deploy", body)

    def deploy_upload(self, environment: str, version: str, **more: str) -> Body:
        """Deploys a version from an uploaded archive."""
        upload = self.api.upload(archive(version))
        body = {"source_type": "upload", "source_ref": upload, **more}
        return self.run(f"deploy {version} from an upload", f"environments/{environment}/deploy", body)

    def serves(self, environment: str, version: str, *, hostname: str | None = None) -> None:
        """Checks that visitors get exactly this version, on every page."""
        url = self.address(environment)
        for path, wanted in (("/", f"This is {version}<"), ("/about/", f"About {version}<")):
            answer = self.api.visit(url, path, hostname=hostname)
            if answer.status_code != 200 or wanted not in answer.text:
                raise TourFailure(
                    f"{hostname or url} {path} must show {wanted!r}: "
                    f"{answer.status_code} {answer.text[:200]!r}"
                )
        self.show.check(f"{hostname or url} serves {version}")

    def environment(self, environment: str) -> Body:
        """The environment as the API tells it."""
        return self.api.send("GET", f"environments/{environment}", expect=200)

    def address(self, environment: str) -> str:
        """The address of an environment's site."""
        url: str | None = self.environment(environment)["url"]
        if not url:
            raise TourFailure("the environment has no url although something is deployed")
        return url

    def list(self, path: str) -> list[Body]:
        """The first page of a list."""
        data: list[Body] = self.api.send("GET", path, expect=200)["data"]
        return data

    def expect(self, what: str, found: Any, wanted: Any) -> None:
        """Notes that something is as it must be. Raises TourFailure when it is not."""
        if found != wanted:
            raise TourFailure(f"{what}: expected {wanted!r}, found {found!r}")
        self.show.check(what)


def run_tour(url: str, email: str, password: str, *, keep: bool = False) -> int:
    """Walks the tour on a running Writ and prints it; 0 when all was right, 1 when not."""
    trusted = os.environ.get(REPOSITORIES)
    api = Api(url)
    show = Show()
    failure: str | None = None
    with show:
        try:
            show.stop_at(f"Log in at {url}")
            api.login(email, password)
            show.check(f"logged in as {email}")
            tour = Tour(api, show, Path(trusted) if trusted else None)
            stops = tour.stops() + ([] if keep else [("Clean up", tour.clean_up)])
            for title, stop in stops:
                show.stop_at(title)
                stop()
            api.logout()
        except TourFailure as problem:
            failure = str(problem)
            show.say(f"  [red]✗ {escape(failure)}[/red]")
    show.console.print()
    if show.jobs:
        show.console.print(show.table())
    if failure is None:
        show.console.print(
            f"[green]The tour is complete: {len(show.jobs)} jobs, {show.checks} checks.[/green]"
        )
        return 0
    show.console.print("[red]The tour failed; the line marked ✗ says where.[/red]")
    return 1
