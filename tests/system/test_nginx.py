"""The rendered server block in a real nginx: what visitors get while releases are swapped."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.product import Product
from tests.support.redis import free_port


@dataclass
class Nginx:
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def serve(self, server_block: Path) -> None:
        """Serve a block that was rendered for port 80 on a port of this test's own."""
        text = re.sub(r"listen \d+;", f"listen 127.0.0.1:{self.port};", server_block.read_text())
        (self.folder / "site.conf").write_text(text)
        (self.folder / "nginx.conf").write_text(
            f"daemon off; user root; pid {self.folder}/pid; error_log {self.folder}/error.log;\n"
            f"events {{}}\nhttp {{ access_log off; include /etc/nginx/mime.types;"
            f" include {self.folder}/site.conf; }}\n"
        )
        self.process = subprocess.Popen(
            ["nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]
        )
        give_up = time.monotonic() + 10
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/")
                return
            except httpx.HTTPError:
                assert time.monotonic() < give_up, (self.folder / "error.log").read_text()
                time.sleep(0.05)

    def get(self, hostname: str, path: str = "/") -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers={"Host": hostname})

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    server = Nginx(tmp_path, free_port())
    yield server
    server.stop()


def test_create_domain_and_deploy_environment_behind_nginx(
    product: Product, repository: Path, nginx: Nginx
) -> None:
    with product.client() as api:
        _, environment = api.make_environment("behind-nginx", f"file://{repository}")
        deploy = f"/environments/{environment}/deploy"
        api.carry_out(api.post(deploy, json={"source_type": "git", "source_ref": "v1"}))
        body = {"hostname": "www.example.test"}
        api.carry_out(api.post(f"/environments/{environment}/domains", json=body))
        nginx.serve(product.home / "nodes" / "local" / "nginx" / f"{environment}.conf")
        assert nginx.get("www.example.test").text == "<h1>v1</h1>"
        assert nginx.get("production.behind-nginx.localhost").text == "<h1>v1</h1>"

        # PHP source is a secret where there is no PHP to run it; dotfiles always are.
        for path in ("/secret.php", "/secret.php/x", "/.git/config", "/wp-content/database/any.sqlite"):
            answer = nginx.get("www.example.test", path)
            assert answer.status_code == 404, path
            assert "hidden" not in answer.text


def test_no_visitor_sees_a_swap(product: Product, repository: Path, nginx: Nginx) -> None:
    with product.client() as api:
        _, environment = api.make_environment("no-gap", f"file://{repository}")
        deploy = f"/environments/{environment}/deploy"
        api.carry_out(api.post(deploy, json={"source_type": "git", "source_ref": "v1"}))
        nginx.serve(product.home / "nodes" / "local" / "nginx" / f"{environment}.conf")
        done, seen = threading.Event(), []

        def visit() -> None:
            with httpx.Client(headers={"Host": "production.no-gap.localhost"}) as visitor:
                while not done.is_set():
                    answer = visitor.get(f"http://127.0.0.1:{nginx.port}/")
                    seen.append((answer.status_code, answer.text))
                    time.sleep(0.002)

        visitor = threading.Thread(target=visit)
        visitor.start()
        for version in ("v2", "v1", "v2"):
            api.carry_out(api.post(deploy, json={"source_type": "git", "source_ref": version}))
        done.set()
        visitor.join()
    assert len(seen) > 100
    assert set(seen) == {(200, "<h1>v1</h1>"), (200, "<h1>v2</h1>")}
