"""Deploys over real SSH: sshd with a key of its own, the host key pinned at first use."""

from __future__ import annotations

import getpass
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.product import Product
from tests.support.redis import free_port


@dataclass
class SshServer:
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def make_host_key(self) -> None:
        key = self.folder / "host_key"
        key.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)

    def start(self) -> None:
        config = self.folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder / 'host_key'}\n"
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}\nPidFile none\nStrictModes no\n"
            "PasswordAuthentication no\nPermitRootLogin prohibit-password\nUsePAM no\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)],
            stderr=(self.folder / "sshd.log").open("wb"),
        )
        give_up = time.monotonic() + 10
        while b"listening" not in (self.folder / "sshd.log").read_bytes():
            assert time.monotonic() < give_up, (self.folder / "sshd.log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)


@pytest.fixture
def ssh_server(tmp_path: Path, product: Product) -> Iterator[SshServer]:
    keys = product.home / "ssh"
    keys.mkdir(mode=0o700, exist_ok=True)
    (keys / "known_hosts").unlink(missing_ok=True)
    key = keys / "id_ed25519"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    server = SshServer(tmp_path, free_port())
    (tmp_path / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
    server.make_host_key()
    server.start()
    yield server
    server.stop()


def test_deploy_environment_from_git_over_ssh(
    product: Product, repository: Path, ssh_server: SshServer
) -> None:
    with product.client() as api:
        _, environment = api.make_environment("over-ssh")
        source = f"ssh://{getpass.getuser()}@127.0.0.1:{ssh_server.port}{repository}"
        deploy = f"/environments/{environment}/deploy"
        api.carry_out(api.post(deploy, json={"source_type": "git", "source_ref": f"{source}#v1"}))
        assert api.served(environment).text == "<h1>v1</h1>"

        # Another host key under the same name: somebody else answers, so nothing is fetched.
        ssh_server.stop()
        ssh_server.make_host_key()
        ssh_server.start()
        job = api.finish(api.post(deploy, json={"source_type": "git", "source_ref": f"{source}#v2"}))
        assert (job["status"], job["error_code"]) == ("failed", "source_unavailable")
        assert api.served(environment).text == "<h1>v1</h1>"


def test_a_key_that_is_not_known_is_refused(
    product: Product, repository: Path, ssh_server: SshServer
) -> None:
    (ssh_server.folder / "authorized_keys").write_text("")
    with product.client() as api:
        _, environment = api.make_environment("no-key")
        source = f"ssh://{getpass.getuser()}@127.0.0.1:{ssh_server.port}{repository}#v1"
        order = {"source_type": "git", "source_ref": source}
        job = api.finish(api.post(f"/environments/{environment}/deploy", json=order))
        assert (job["status"], job["error_code"]) == ("failed", "source_unavailable")
