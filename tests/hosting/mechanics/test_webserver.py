from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from tests.hosting.mechanics.world import ENVIRONMENT, World
from writ.contract.errors import Refusal
from writ.hosting.node import cache, webserver, wp
from writ.hosting.node.cache import Cache
from writ.hosting.node.layout import Layout
from writ.hosting.node.webserver import PhpPool

PHP = PhpPool(PurePosixPath("/run/php/env.sock"))
ON = Cache(fastcgi_cache_enabled=True, generation=7)


def test_a_site_of_files(layout: Layout) -> None:
    text = webserver.render(layout, ["Example.com", "www.example.com", "example.com"], ON, port=8080)
    assert "server_name example.com www.example.com;" in text
    assert f'root "{layout.current}";' in text
    assert "listen 8080;" in text
    assert "fastcgi" not in text
    assert "location ^~ /wp-content/database/ { return 404; }" in text
    assert "try_files $uri $uri/ =404;" in text
    assert text.count("{") == text.count("}")


def test_a_php_site_with_and_without_page_cache(layout: Layout) -> None:
    off = webserver.render(layout, ["example.com"], Cache(), PHP)
    assert "SCRIPT_FILENAME $realpath_root$fastcgi_script_name;" in off
    assert "DOCUMENT_ROOT $realpath_root;" in off
    assert 'fastcgi_pass "unix:/run/php/env.sock";' in off
    assert "fastcgi_cache" not in off
    assert "writ_skip" not in off
    text = webserver.render(layout, ["example.com"], ON, PHP)
    assert 'fastcgi_cache_key "$realpath_root|7|$scheme|$request_method|$host|$request_uri";' in text
    assert f"keys_zone=writ_{ENVIRONMENT}:10m" in text
    for word in (
        "wordpress_logged_in",
        "wp-postpass",
        "xmlrpc\\.php",
        "checkout",
        "sitemap",
        "$query_string",
    ):
        assert word in text
    assert "$$" not in text
    assert "${" not in text


@pytest.mark.parametrize(
    "name",
    [
        "example.com;",
        "a b.com",
        "example",
        "-a.example.com",
        "*.example.com",
        "exa\u043cple.com",
        "a..com",
        "",
        "x\n.com",
    ],
)
def test_a_hostname_that_is_none_never_reaches_the_file(name: str, layout: Layout) -> None:
    with pytest.raises(Refusal):
        webserver.render(layout, [name], Cache())


@pytest.mark.parametrize("root", ['/srv/a"b', "/srv/$a", "/srv/a;b", "/srv/{a}", "/srv/a\nb", "/srv/a\\b"])
def test_a_path_that_nginx_would_read_otherwise_is_refused(root: str) -> None:
    with pytest.raises(Refusal):
        webserver.render(Layout(PurePosixPath(root), "env"), ["example.com"], Cache())


def test_the_block_is_put_in_place_and_removed(world: World, lines: list[str]) -> None:
    world.deploy("r1")
    text = webserver.render(world.layout, [], ON, PHP)
    webserver.install(world.tools, world.layout, text)
    assert Path(world.layout.server_block).read_text() == text
    if not world.tools.node.which("nginx"):
        assert lines[-1] == "The server block was not tried: the node has no nginx."
    else:
        with pytest.raises(Refusal):
            webserver.install(world.tools, world.layout, "server { nonsense; }")
        assert Path(world.layout.server_block).read_text() == text
    webserver.remove(world.tools, world.layout)
    webserver.remove(world.tools, world.layout)
    assert not Path(world.layout.server_block).exists()


def test_cache_flags_and_purge(world: World) -> None:
    assert cache.read_cache(world.tools, world.layout) == Cache()
    assert cache.set_flags(world.tools, world.layout, fastcgi=True) == Cache(True, False, 1)
    assert cache.set_flags(world.tools, world.layout, redis=True) == Cache(True, True, 1)
    assert cache.purge(world.tools, world.layout).generation == 2
    assert cache.set_flags(world.tools, world.layout, fastcgi=False) == Cache(False, True, 2)
    assert cache.read_cache(world.tools, world.layout) == Cache(False, True, 2)


def test_what_needs_wordpress_names_what_is_missing(world: World) -> None:
    world.deploy("r1")
    with pytest.raises(Refusal) as refused:
        wp.require(world.tools, "tar", "no-such-a", "no-such-b")
    assert refused.value.code == "WP_CLI_ERROR"
    assert "no-such-a and no no-such-b" in refused.value.message
    assert "tar" not in refused.value.message
    # With WP-CLI the reason is another one, as this site is not WordPress; the code is the same.
    for call in (
        lambda: wp.magic_login(world.tools, world.layout.current),
        lambda: wp.update(world.tools, world.layout.current, "all"),
    ):
        with pytest.raises(Refusal) as refused:
            call()
        assert refused.value.code == "WP_CLI_ERROR"
        if not world.tools.node.which("wp"):
            assert "WP-CLI (wp)" in refused.value.message
