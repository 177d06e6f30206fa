"""Read a `source_ref`, and refuse at once what needs no network to be seen as wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit
from uuid import UUID

from writ.contract.errors import Refusal
from writ.outgoing.guard import Network, check_literal, is_plain_host, literal_address
from writ.outgoing.redact import strip_credentials

EXPECTED = "Expected <url>#<branch, tag or commit>, e.g. https://git.example.com/site.git#main."
MAX_LENGTH = 2048

_SCP = re.compile(
    r"(?:(?P<user>[^@/:]+)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^@/:\[\]]+):(?P<path>[^:].*)", re.DOTALL
)
_USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.+-]{0,63}", re.ASCII)
# Without the slashes of a URL these would be read as the names of ssh hosts.
_SCHEME = re.compile(r"(?:file|https?):", re.IGNORECASE)
_TRANSPORT = re.compile(r"[A-Za-z0-9+.-]*::")
_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})", re.ASCII)
_FORBIDDEN_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")


@dataclass(frozen=True, slots=True)
class GitSource:
    """A place in a git repository.

    `location` is what git is given and never holds credentials: `https://host/path`,
    `ssh://user@host:port/path`, or an absolute folder. `userinfo` is `user:password` as written in an https
    URL, or None. `port` is None for file.
    """

    scheme: Literal["https", "ssh", "file"]
    location: str
    ref: str
    host: str = ""
    port: int | None = None
    userinfo: str | None = None

    @property
    def shown(self) -> str:
        """Return the source for people and logs."""
        return f"{self.location}#{self.ref}"

    @property
    def is_commit(self) -> bool:
        """Whether the ref is a full commit id."""
        return bool(_COMMIT.fullmatch(self.ref))

    def __repr__(self) -> str:
        return f"GitSource({self.shown!r})"


def parse_git(
    source_ref: str,
    *,
    repository_url: str | None = None,
    trusted_networks: Sequence[Network] = (),
    trusted_paths: Sequence[Path] = (),
) -> GitSource:
    """Read `<url>#<ref>`, or a ref alone where the site has a `repository_url`. Makes no connection.

    https and ssh (also `user@host:path`) are taken, and folders below `trusted_paths`, judged after following
    symlinks. What git would read as an option, a command or another transport is refused.

    Raises Refusal SOURCE_REF_INVALID, SOURCE_NOT_ALLOWED.
    """
    if len(source_ref) > MAX_LENGTH:
        raise _invalid(f"The source_ref is longer than {MAX_LENGTH} characters.")
    url, mark, ref = source_ref.partition("#")
    # A ref may hold a # of its own; only what stands after a URL is split.
    if not mark or not _looks_like_url(url):
        if _looks_like_url(source_ref):
            raise _invalid("The source_ref names no branch, tag or commit.")
        if not repository_url:
            raise _invalid("The source_ref has no URL, and the site has no repository_url to go with it.")
        url, ref = repository_url.partition("#")[0], source_ref.removeprefix("#")
    check_ref(ref)
    return _parse_url(url, ref, trusted_networks, trusted_paths)


def check_repository_url(
    url: str, *, trusted_networks: Sequence[Network] = (), trusted_paths: Sequence[Path] = ()
) -> None:
    """Check a site's `repository_url` as `parse_git` checks a source. Raises the same refusals."""
    if len(url) > MAX_LENGTH or "#" in url:
        raise _invalid("A repository_url is at most 2048 characters long and has no #.")
    _parse_url(url, "HEAD", trusted_networks, trusted_paths)


def parse_upload(source_ref: str) -> UUID:
    """Read `upload:<id>`, or the id alone. Raises Refusal SOURCE_REF_INVALID."""
    text = source_ref.removeprefix("upload:")
    try:
        found = UUID(text)
    except ValueError:
        found = None
    if found is None or str(found) != text.lower():
        raise Refusal(
            "SOURCE_REF_INVALID",
            "The source_ref of an upload is its id: the upload_id that POST /uploads answered.",
        )
    return found


def check_ref(ref: str) -> None:
    """Check a branch, tag or commit by the rules of git-check-ref-format(1), one level allowed.

    Raises Refusal SOURCE_REF_INVALID.
    """
    parts = ref.split("/")
    if (
        not ref
        or len(ref) > 250
        or ref == "@"
        or ref.startswith("-")
        or ref.endswith(".")
        or _FORBIDDEN_IN_REF.search(ref)
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
    ):
        raise _invalid("What stands after the # is not a name that a branch, tag or commit can have.")


def _looks_like_url(text: str) -> bool:
    return "://" in text or "::" in text or ":" in text or text.startswith(("/", "./", "../", "~"))


def _parse_url(url: str, ref: str, networks: Sequence[Network], paths: Sequence[Path]) -> GitSource:
    if url.startswith("-"):
        raise _invalid("The URL begins with a dash.")
    if any(ord(letter) <= 0x20 or ord(letter) == 0x7F for letter in url) or "\\" in url:
        raise _invalid("The URL holds spaces, control characters or backslashes.")
    if _TRANSPORT.match(url):
        raise _not_allowed("Remote helpers (transport::address) are not allowed.")
    if "://" not in url and not _SCHEME.match(url):
        return _parse_scp(url, ref, networks)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _invalid("The URL cannot be read.") from None
    if parts.scheme == "file":
        return _parse_file(parts, ref, paths)
    if parts.scheme not in ("https", "ssh"):
        raise _not_allowed(f"{parts.scheme[:20] or 'This'} is not a transport that is allowed here.")
    if parts.query:
        raise _invalid("The URL of a repository has no query.")
    host = _check_host(parts.hostname or "", networks)
    shown_host = f"[{host}]" if ":" in host else host
    userinfo = parts.netloc.rpartition("@")[0] or None
    if port == 0:
        raise _invalid("The URL names port 0.")
    if parts.path in ("", "/"):
        raise _invalid("The URL names no repository.")
    place = f"{shown_host}:{port}" if port is not None else shown_host
    if parts.scheme == "https":
        return GitSource("https", f"https://{place}{parts.path}", ref, host, port or 443, userinfo)
    user = _check_user(userinfo)
    return GitSource("ssh", f"ssh://{user}{place}{parts.path}", ref, host, port or 22)


def _parse_scp(url: str, ref: str, networks: Sequence[Network]) -> GitSource:
    found = _SCP.fullmatch(url)
    if found is None or url.startswith(("/", ".", "~")):
        raise _not_allowed("A folder is named as file:///path, and only where the operator allows it.")
    host = _check_host(found["host"].strip("[]"), networks)
    if found["path"].startswith("-"):
        raise _invalid("The path of the repository begins with a dash.")
    user = _check_user(found["user"])
    shown_host = f"[{host}]" if ":" in host else host
    # As ssh:// a relative path begins at the home folder: /~/ says so.
    path = found["path"] if found["path"].startswith("/") else f"/~/{found['path']}"
    if found["path"].startswith("~"):
        path = f"/{found['path']}"
    return GitSource("ssh", f"ssh://{user}{shown_host}{path}", ref, host, 22)


def _parse_file(parts: SplitResult, ref: str, trusted: Sequence[Path]) -> GitSource:
    if parts.netloc not in ("", "localhost") or parts.query:
        raise _invalid("A file URL is file:///path.")
    path = unquote(parts.path)
    if not path.startswith("/") or "\0" in path:
        raise _invalid("A file URL is file:///path.")
    resolved = resolve_trusted(Path(path), trusted)
    return GitSource("file", str(resolved), ref)


def resolve_trusted(path: Path, trusted: Sequence[Path]) -> Path:
    """Follow the symlinks of a folder and refuse one outside the trusted paths, without telling whether it
    exists.

    Raises Refusal SOURCE_NOT_ALLOWED.
    """
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError, ValueError):
        resolved = Path("/")
    if any(resolved.is_relative_to(root.resolve()) for root in trusted):
        return resolved
    raise _not_allowed("This folder is not below one of WRIT_TRUSTED_PATHS.")


def _check_user(user: str | None) -> str:
    if user is None:
        return ""
    if not _USER.fullmatch(user):
        raise _invalid(
            "The user before the @ has characters that a user of ssh has not; passwords are not taken."
        )
    return f"{user}@"


def _check_host(host: str, networks: Sequence[Network]) -> str:
    if not is_plain_host(host):
        raise _invalid("The URL has no valid host. Write the name in ASCII (xn-- for other scripts).")
    try:
        check_literal(host, networks)
    except Refusal as refusal:
        raise Refusal("SOURCE_NOT_ALLOWED", refusal.message) from None
    address = literal_address(host)
    if address is not None and str(address) != host:
        raise _invalid("Write the address in its usual form.")
    return host


def _invalid(what: str) -> Refusal:
    return Refusal("SOURCE_REF_INVALID", f"{strip_credentials(what)} {EXPECTED}")


def _not_allowed(what: str) -> Refusal:
    return Refusal("SOURCE_NOT_ALLOWED", f"{strip_credentials(what)} Use https or ssh to a public host.")
