"""The nginx server block of an environment: rendered, proved with `nginx -t` where nginx is, put in place
whole.

The file is meant for nginx's `http` context (`include <node>/nginx/*.conf;`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from string import Template

from writ.contract.errors import Refusal
from writ.hosting.node.base import Tools
from writ.hosting.node.cache import Cache
from writ.hosting.node.layout import Layout, check_id

_HOSTNAME = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))+", re.ASCII)
# Inside nginx's quotes a path may hold anything but what ends the quotes or begins a variable.
_PATH = re.compile(r"/[^\"'$\\;{}\x00-\x1f\x7f]*")


@dataclass(frozen=True, slots=True)
class PhpPool:
    """The socket of the environment's PHP-FPM pool on the node."""

    socket: PurePosixPath


# $realpath_root and not $document_root: with the symlink in the path OPcache would mix two releases.
_SERVER = Template("""\
# Environment ${environment}. Rendered: a change made here is lost.
# FastCGI page cache ${page_cache}, Redis object cache ${object_cache}.
${cache_zone}server {
    listen ${port};
    server_name ${names};
    root "${root}";
    index ${index};
    disable_symlinks off;

    location ~ /\\.(?!well-known/) { return 404; }
    location ^~ /wp-content/database/ { return 404; }
${body}}
""")

# Without PHP a script would be sent as text: its source, with every password in it.
_FILES_BODY = """
    location ~* \\.(?:php[0-9s]?|phtml|phar)(?![a-z0-9]) { return 404; }
    location / { try_files $uri $uri/ =404; }
"""

_PHP_BODY = Template("""
    location / { try_files $$uri $$uri/ /index.php?$$args; }
    location ~* /wp-content/uploads/.*\\.php$$ { return 404; }
${skip}
    location ~ \\.php$$ {
        try_files $$uri =404;
        fastcgi_param SCRIPT_FILENAME $$realpath_root$$fastcgi_script_name;
        fastcgi_param DOCUMENT_ROOT $$realpath_root;
${parameters}        fastcgi_pass "unix:${socket}";
${cache}    }
""")

# Written out, as distributions disagree about what their fastcgi_params file sets, DOCUMENT_ROOT above all.
_PARAMETERS = (
    "QUERY_STRING $query_string",
    "REQUEST_METHOD $request_method",
    "CONTENT_TYPE $content_type",
    "CONTENT_LENGTH $content_length",
    "SCRIPT_NAME $fastcgi_script_name",
    "REQUEST_URI $request_uri",
    "DOCUMENT_URI $document_uri",
    "SERVER_PROTOCOL $server_protocol",
    "REQUEST_SCHEME $scheme",
    "HTTPS $https if_not_empty",
    "GATEWAY_INTERFACE CGI/1.1",
    "SERVER_SOFTWARE nginx",
    "REMOTE_ADDR $remote_addr",
    "REMOTE_PORT $remote_port",
    "SERVER_ADDR $server_addr",
    "SERVER_PORT $server_port",
    "SERVER_NAME $host",
    "REDIRECT_STATUS 200",
    # A Proxy header would become HTTP_PROXY, which PHP libraries take for the proxy to use.
    'HTTP_PROXY ""',
)

# A port in use is no fault to nginx -t.
_TRIAL_PORT = 65534
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

_CACHE_ZONE = Template("""\
fastcgi_cache_path "${folder}" levels=1:2 keys_zone=${zone}:10m max_size=250m inactive=1h;

""")

_SKIP = Template("""
    set $$writ_skip "";
    if ($$request_method !~ ^(GET|HEAD)$$) { set $$writ_skip 1; }
    if ($$query_string != "") { set $$writ_skip 1; }
    if ($$request_uri ~* "/(wp-admin|wp-login\\.php|xmlrpc\\.php|feed)") { set $$writ_skip 1; }
    if ($$request_uri ~* "/(cart|checkout|my-account)|/[^/]*sitemap[^/]*\\.x[ms]l") { set $$writ_skip 1; }
    if ($$http_cookie ~* "comment_author|wordpress_[a-f0-9]+|wp-postpass") { set $$writ_skip 1; }
    if ($$http_cookie ~* "wordpress_no_cache|wordpress_logged_in") { set $$writ_skip 1; }
""")

_CACHE = Template("""\
        fastcgi_cache ${zone};
        fastcgi_cache_key "$$realpath_root|${generation}|$$scheme|$$request_method|$$host|$$request_uri";
        fastcgi_cache_valid 200 301 302 30s;
        fastcgi_cache_lock on;
        fastcgi_cache_use_stale updating error timeout invalid_header http_500;
        fastcgi_cache_background_update on;
        fastcgi_ignore_headers Cache-Control Expires Set-Cookie;
        fastcgi_cache_bypass $$writ_skip;
        fastcgi_no_cache $$writ_skip;
        add_header X-Cache-Status $$upstream_cache_status always;
""")


def check_hostname(name: str) -> str:
    """Return the hostname in lower case. Raises Refusal NODE_COMMAND_FAILED for one that is not a plain DNS
    name.

    The rules of the API have checked it before; what is written into a configuration is checked where it is
    written.
    """
    lowered = name.lower()
    if not _HOSTNAME.fullmatch(lowered):
        raise Refusal(
            "NODE_COMMAND_FAILED", "A hostname is not a plain DNS name; no server block was written."
        )
    return lowered


def render(
    layout: Layout, hostnames: Sequence[str], cache: Cache, php: PhpPool | None = None, *, port: int = 80
) -> str:
    """Return the configuration of an environment as text.

    Without `php` it serves files only, and the page cache has nothing to do. Without hostnames the block
    answers to a name that cannot exist in DNS.
    """
    environment = check_id(layout.environment_id)
    names = [check_hostname(name) for name in hostnames] or [f"{environment.lower()}.invalid"]
    zone = f"writ_{environment}"
    caching = php is not None and cache.fastcgi_cache_enabled
    body = _FILES_BODY
    if php is not None:
        body = _PHP_BODY.substitute(
            socket=_path(php.socket),
            parameters="".join(f"        fastcgi_param {line};\n" for line in _PARAMETERS),
            skip=_SKIP.substitute() if caching else "",
            cache=_CACHE.substitute(zone=zone, generation=int(cache.generation)) if caching else "",
        )
    folder = layout.root / "nginx" / "cache" / environment
    waiting = "on once the node has PHP" if cache.fastcgi_cache_enabled else "off"
    return _SERVER.substitute(
        environment=environment,
        page_cache="on" if caching else waiting,
        object_cache="on" if cache.redis_cache_enabled else "off",
        cache_zone=_CACHE_ZONE.substitute(folder=_path(folder), zone=zone) if caching else "",
        port=int(port),
        names=" ".join(dict.fromkeys(names)),
        root=_path(layout.current),
        index="index.php index.html" if php is not None else "index.html",
        body=body,
    )


def install(tools: Tools, layout: Layout, text: str) -> None:
    """Put a rendered server block in place, after `nginx -t` has accepted it where the node has nginx.

    The old one stays when the new one is refused. nginx is not reloaded here: who runs it decides.

    Raises Refusal NODE_COMMAND_FAILED.
    """
    folder = layout.server_block.parent
    tools.make_folder(folder / "cache")
    if tools.node.which("nginx"):
        _prove(tools, layout, text)
    else:
        tools.log("The server block was not tried: the node has no nginx.")
    tools.write(layout.server_block, text.encode())


def remove(tools: Tools, layout: Layout) -> None:
    """Remove the server block and its cached pages. Ones that are gone already are no error."""
    tools.remove(layout.server_block, layout.root / "nginx" / "cache" / check_id(layout.environment_id))


def _prove(tools: Tools, layout: Layout, text: str) -> None:
    folder = layout.root / "nginx" / "trial" / check_id(layout.environment_id)
    tools.make_folder(folder)
    try:
        # nginx -t binds what it is told to listen on, which for port 80 needs rights that a worker has not.
        trial = re.sub(r"(?m)^    listen \d+;$", f"    listen 127.0.0.1:{_TRIAL_PORT};", text)
        tools.write(folder / "site.conf", trial.encode())
        temporary = "".join(f'{name}_temp_path "{_path(folder)}/{name}"; ' for name in _TEMPORARY)
        frame = (
            f'pid "{_path(folder)}/pid"; error_log stderr; events {{}}\n'
            f'http {{ access_log off; {temporary}include "{_path(folder)}/site.conf"; }}\n'
        )
        tools.write(folder / "nginx.conf", frame.encode())
        done = tools.attempt("nginx", "-t", "-q", "-p", str(folder), "-c", str(folder / "nginx.conf"))
        if done.code != 0:
            raise Refusal("NODE_COMMAND_FAILED", tools.failure("nginx -t", done))
    finally:
        tools.remove(folder)


def _path(path: PurePosixPath) -> str:
    text = str(path)
    if not _PATH.fullmatch(text):
        raise Refusal(
            "NODE_COMMAND_FAILED",
            "The node's folder has characters in its path that nginx cannot take: quotes, $, ;, braces"
            " or backslashes.",
        )
    return text
