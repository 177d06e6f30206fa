"""Fetch one commit of a repository on the control plane, and write its tree as a tar.

git runs without any configuration of the machine, without hooks, prompts, helpers or redirects, and
connects to the address that was vetted and no other. Submodules and LFS objects are not fetched.
"""

from __future__ import annotations

import base64
import os
import re
import shlex
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from writ import processes
from writ.contract.errors import Refusal
from writ.hosting.sources.refs import GitSource, resolve_trusted
from writ.outgoing.guard import Address, HostUnknown, Network, resolve_allowed
from writ.outgoing.redact import strip_credentials
from writ.processes import Completed, StopSignal, ToolMissing

Progress = Callable[[str], None]

_REF = "refs/writ/source"
_PASSED_ON = ("GIT_SSL_CAINFO", "SSL_CERT_FILE", "SSL_CERT_DIR")
_UNKNOWN_REF = re.compile(
    r"not our ref|couldn't find remote ref|unadvertised object|bad object", re.IGNORECASE
)
_NOT_SHALLOW = re.compile(r"does not support shallow|unadvertised object|not our ref", re.IGNORECASE)
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_PROGRESS_SECONDS = 1.0


def _ignore(line: str) -> None:
    """Drop a line."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched: the tar of the tree, not sanitised yet, and the commit that the ref meant."""

    tar: Path
    commit: str


@dataclass(slots=True)
class GitFetcher:
    """How sources are fetched: limits in seconds, what is trusted, where ssh keeps known hosts and key."""

    known_hosts: Path
    trusted_networks: Sequence[Network] = ()
    trusted_paths: Sequence[Path] = ()
    ssh_key: Path | None = None
    timeout: float = 600.0
    stop: StopSignal | None = None
    progress: Progress = _ignore
    _last: float = field(default=0.0, init=False)

    def fetch(self, source: GitSource, scratch: Path) -> Fetched:
        """Fetch `source` into `scratch`, a folder of the caller, who removes it.

        Only the commit itself comes where the server can send it alone; an abbreviated commit id, or one
        that the server does not hand out by name, costs the whole repository.

        Raises Refusal SOURCE_NOT_ALLOWED, SOURCE_REF_NOT_FOUND, SOURCE_UNAVAILABLE, STEP_TIMEOUT,
        DISK_FULL, and Stopped.
        """
        scratch.mkdir(parents=True, exist_ok=True)
        repository = scratch / "repository.git"
        shutil.rmtree(repository, ignore_errors=True)
        call = _Call(self, source, repository, self._vet(source))
        self._must(call.git("init", "--quiet", "--bare", "--template=", str(repository)), source)
        if source.is_commit:
            commit = self._fetch_commit(call, source)
        else:
            name = self._find(call, source)
            commit = self._fetch_name(call, source, name) if name else self._fetch_all(call, source)
        self._mention(call, commit)
        tar = scratch / "source.tar"
        self._must(call.git("archive", "--format=tar", commit, to=tar), source)
        shutil.rmtree(repository, ignore_errors=True)
        return Fetched(tar, commit)

    def _vet(self, source: GitSource) -> list[Address]:
        if source.scheme == "file":
            # Judged again, as a symlink may have changed since the order was accepted.
            if str(resolve_trusted(Path(source.location), self.trusted_paths)) != source.location:
                raise Refusal("SOURCE_NOT_ALLOWED", "The folder is now a symlink to another place.")
            return []
        try:
            return resolve_allowed(source.host, source.port or 0, self.trusted_networks)
        except HostUnknown:
            raise Refusal(
                "SOURCE_UNAVAILABLE",
                f"The host {source.host} is not known. Check the name, or try again later.",
            ) from None
        except Refusal as refusal:
            raise Refusal("SOURCE_NOT_ALLOWED", refusal.message) from None

    def _find(self, call: _Call, source: GitSource) -> str | None:
        """Return the full name of the ref on the server; None where only the whole history can tell."""
        ref = source.ref
        wanted = [f"refs/heads/{ref}", f"refs/tags/{ref}"] + (
            [ref] if ref.startswith("refs/") or ref == "HEAD" else []
        )
        done = self._must(call.git("ls-remote", "--quiet", source.location, *wanted), source)
        there = {line.partition("\t")[2] for line in done.text.splitlines()}
        found = next((name for name in wanted if name in there), None)
        if found is None and not re.fullmatch(r"[0-9a-f]{7,63}", ref):
            raise _not_found(source)
        return found

    def _fetch_name(self, call: _Call, source: GitSource, name: str) -> str:
        done = call.fetch(f"+{name}:{_REF}", shallow=True)
        if done.code != 0 and _NOT_SHALLOW.search(done.complaint):
            done = call.fetch(f"+{name}:{_REF}")
        self._must(done, source)
        return self._resolve(call, source, _REF)

    def _fetch_commit(self, call: _Call, source: GitSource) -> str:
        done = call.fetch(f"+{source.ref}:{_REF}", shallow=True)
        if done.code != 0:
            if not _NOT_SHALLOW.search(done.complaint):
                self._must(done, source)
            return self._fetch_all(call, source)
        return self._resolve(call, source, _REF)

    def _fetch_all(self, call: _Call, source: GitSource) -> str:
        self._must(call.fetch("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"), source)
        return self._resolve(call, source, source.ref)

    def _resolve(self, call: _Call, source: GitSource, name: str) -> str:
        done = call.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        commit = done.text.strip().splitlines()[-1:] if done.code == 0 else []
        if not commit or not re.fullmatch(r"[0-9a-f]{40,64}", commit[0]):
            raise _not_found(source)
        return commit[0]

    def _mention(self, call: _Call, commit: str) -> None:
        done = call.git("cat-file", "-e", f"{commit}:.gitmodules")
        if done.code == 0:
            self.progress(
                "The repository has submodules; they are not fetched, and their folders stay empty."
            )

    def _must(self, done: Completed, source: GitSource) -> Completed:
        """Return what ended well, and say in the contract's words why something did not."""
        if done.code == 0:
            return done
        words = strip_credentials(done.complaint)
        if _DISK_FULL.search(words):
            raise Refusal(
                "DISK_FULL", "The control plane's disk filled up during the fetch. Free some space."
            )
        if _UNKNOWN_REF.search(words):
            raise _not_found(source)
        advice = "Check the address, and that it can be read without a prompt."
        if "redirect" in words:
            advice = "Redirects are not followed: give the address where the repository really is."
        raise Refusal(
            "SOURCE_UNAVAILABLE",
            f"{source.shown} could not be fetched: {words or 'no reason given'}. {advice}",
        )

    def listen(self, data: bytes) -> None:
        """Turn git's progress into lines, at most one a second."""
        now = time.monotonic()
        lines = [line.strip() for line in re.split(r"[\r\n]", data.decode("utf-8", "replace"))]
        lines = [line for line in lines if line]
        if lines and now - self._last >= _PROGRESS_SECONDS:
            self._last = now
            self.progress(strip_credentials(lines[-1])[:200])


class _Call:
    """git with the arguments and the environment that one source needs."""

    def __init__(
        self, fetcher: GitFetcher, source: GitSource, repository: Path, addresses: Sequence[Address]
    ) -> None:
        self._fetcher = fetcher
        self._source = source
        self._repository = repository
        self._deadline = time.monotonic() + fetcher.timeout
        self._config = repository.with_name("gitconfig")
        self._config.write_text("")
        self._settings = {
            "core.hooksPath": "/dev/null",
            "credential.helper": "",
            "core.askPass": "",
            "gc.auto": "0",
            "maintenance.auto": "false",
            "submodule.recurse": "false",
            "fetch.recurseSubmodules": "false",
            "protocol.version": "2",
            "http.followRedirects": "false",
            "http.proxy": "",
            "http.lowSpeedLimit": "1000",
            "http.lowSpeedTime": "60",
            "transfer.bundleURI": "false",
        }
        self._env = {
            "GIT_ALLOW_PROTOCOL": source.scheme,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "SSH_ASKPASS_REQUIRE": "never",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self._config),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "HOME": str(repository.parent),
        }
        self._env |= {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        if source.scheme == "https":
            self._pin_https(addresses)
        elif source.scheme == "ssh":
            self._env["GIT_SSH_COMMAND"] = self._ssh(addresses[0])
            self._env["GIT_SSH_VARIANT"] = "ssh"
        else:
            # The owner of a trusted folder need not be the user that the worker runs as. Only a global file
            # can say so to the upload-pack that git starts.
            self._config.write_text(f'[safe]\n\tdirectory = "{_quoted(source.location)}"\n')

    def _pin_https(self, addresses: Sequence[Address]) -> None:
        host = self._source.host
        if ":" not in host:
            listed = ",".join(f"[{a}]" if a.version == 6 else str(a) for a in addresses)
            self._settings["http.curloptResolve"] = f"{host}:{self._source.port}:{listed}"
        if self._source.userinfo is not None:
            token = base64.b64encode(unquote(self._source.userinfo).encode()).decode("ascii")
            # By the environment and not by argv, which every user of the machine can read.
            self._env |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "http.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {token}",
            }

    def _ssh(self, address: Address) -> str:
        hosts = self._fetcher.known_hosts
        hosts.parent.mkdir(parents=True, exist_ok=True)
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": f'"{hosts}"',
            "GlobalKnownHostsFile": "/dev/null",
            "HostName": str(address),
            "HostKeyAlias": self._source.host,
            "ProxyCommand": "none",
            "PermitLocalCommand": "no",
            "ForwardAgent": "no",
            "ClearAllForwardings": "yes",
            "ConnectTimeout": "15",
            "ServerAliveInterval": "15",
            # Its warnings, of a host met for the first time, would stand before the reason of a failure.
            "LogLevel": "ERROR",
        }
        argv = ["ssh", "-F", "/dev/null"]
        for name, value in options.items():
            argv += ["-o", f"{name}={value}"]
        if self._fetcher.ssh_key is not None:
            argv += ["-o", "IdentitiesOnly=yes", "-i", str(self._fetcher.ssh_key)]
        return shlex.join(argv)

    def fetch(self, *refspecs: str, shallow: bool = False) -> Completed:
        return self.git(
            *("fetch", "--progress", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"),
            *(("--depth=1",) if shallow else ()),
            self._source.location,
            *refspecs,
        )

    def git(self, *arguments: str, to: Path | None = None) -> Completed:
        argv = ["git"]
        for name, value in self._settings.items():
            argv += ["-c", f"{name}={value}"]
        if arguments[0] != "init":
            argv.append(f"--git-dir={self._repository}")
        try:
            return processes.run(
                [*argv, *arguments],
                timeout=max(0.1, self._deadline - time.monotonic()),
                stop=self._fetcher.stop,
                cwd=self._repository.parent,
                env=self._env,
                stdout_path=to,
                on_stderr=self._fetcher.listen if arguments[0] == "fetch" else None,
            )
        except ToolMissing:
            raise Refusal(
                "SOURCE_UNAVAILABLE", "The control plane has no git, which this needs. Install it there."
            ) from None


def _quoted(path: str) -> str:
    return path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _not_found(source: GitSource) -> Refusal:
    return Refusal(
        "SOURCE_REF_NOT_FOUND",
        f"{source.shown} does not exist: the repository has no branch, tag or commit of that name. Check"
        " the part after"
        " the #.",
    )
