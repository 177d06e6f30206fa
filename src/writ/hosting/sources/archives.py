"""Read an archive that a stranger made, and write what is harmless in it as a clean tar.

Nothing is unpacked here: members go from one archive to the other, so no path of theirs ever touches the
disk. The first harmful thing ends it, and the half-written tar is removed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import re
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass
from gzip import BadGzipFile, GzipFile
from pathlib import Path
from typing import IO, Literal, Protocol

from writ.contract.errors import Refusal
from writ.hosting.node.links import leaves_tree
from writ.processes import StopSignal, check_stop

_CHUNK = 256 * 1024
_MAX_HEADER = 1024 * 1024
_MAX_TARGET = 4096
_RATIO_FROM = 32 * 1024 * 1024
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Kind = Literal["file", "folder", "link", "hardlink"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold: unpacked bytes, entries, folder depth, and growth (judged past 32 MiB)."""

    max_bytes: int = 4 * 1024**3
    max_files: int = 100_000
    max_depth: int = 64
    max_ratio: int = 200


@dataclass(frozen=True, slots=True)
class Inspected:
    """What the clean tar holds: files (links too), bytes of content; sha256 (hex) and size of the tar."""

    files: int
    bytes: int
    sha256: str
    tar_size: int


def sanitise(
    archive: Path, out_tar: Path, limits: Limits | None = None, *, stop: StopSignal | None = None
) -> Inspected:
    """Rewrite a zip, tar.gz or tar as a tar with plain owners and modes, and refuse whatever is not harmless.

    Raises Refusal ARCHIVE_UNSAFE (paths or links that lead out, devices, pipes, names that overwrite a
    link, a bomb), ARCHIVE_TOO_LARGE, ARCHIVE_INVALID (broken, encrypted, empty, another format), DISK_FULL,
    and Stopped.
    """
    meter = _Meter(limits or Limits(), max(1, archive.stat().st_size), stop)
    names = _Names(meter.limits)
    try:
        with tarfile.open(out_tar, "w", format=tarfile.PAX_FORMAT) as out:
            for member in _read(archive, meter):
                _rewrite(member, names, meter, out)
                out.members = []  # type: ignore[attr-defined]
        names.check_links()
        if not names.files:
            raise _invalid("it holds no files")
        with out_tar.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        return Inspected(names.files, meter.content, digest, out_tar.stat().st_size)
    except OSError as fault:
        out_tar.unlink(missing_ok=True)
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Refusal(
                "DISK_FULL", "The disk filled up while the archive was read. Free some space."
            ) from None
        raise
    except BaseException:
        out_tar.unlink(missing_ok=True)
        raise


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Member:
    """An entry as the archive states it; `size` is a promise until the content has been read."""

    name: str
    kind: Kind
    size: int = 0
    target: str = ""
    executable: bool = False
    mtime: int = 0
    content: _Readable | None = None


class _Meter:
    """Counts what comes out of an archive, while it comes."""

    def __init__(self, limits: Limits, archive_size: int, stop: StopSignal | None) -> None:
        self.limits = limits
        self.content = 0
        self.stream = 0
        self._entries = 0
        self._archive_size = archive_size
        self._stop = stop

    def add_entry(self) -> None:
        self._entries += 1
        if self._entries > self.limits.max_files:
            raise _too_large(f"it holds more than {self.limits.max_files} entries")
        check_stop(self._stop)

    def promise(self, size: int) -> None:
        """Refuse early what could not fit if the header told the truth."""
        if self.content + size > self.limits.max_bytes:
            self._check_ratio(self.content + size)
            raise _too_large(f"it holds more than {self.limits.max_bytes} bytes")

    def add_content(self, size: int) -> None:
        check_stop(self._stop)
        self.content += size
        self.promise(0)
        self._check_ratio(self.content)

    def add_stream(self, size: int) -> None:
        """Count decompressed bytes of any use: padding and headers are content for a bomb too."""
        self.stream += size
        if self.stream > self.limits.max_bytes + 2048 * self.limits.max_files + _MAX_HEADER:
            raise _too_large(f"it unpacks to more than {self.limits.max_bytes} bytes")
        self._check_ratio(self.stream)

    def _check_ratio(self, size: int) -> None:
        if size > _RATIO_FROM and size > self._archive_size * self.limits.max_ratio:
            raise _unsafe(f"it grows more than {self.limits.max_ratio} times when unpacked, as a bomb does")


class _Names:
    """The paths of an archive so far, and what each is, also when spelled in another case."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._kinds: dict[str, Kind] = {}
        self._spelled: dict[str, Kind] = {}
        self._links: dict[str, str] = {}
        self.files = 0

    def clean(self, name: str) -> str:
        """Return the path, relative and plain; empty for the root itself."""
        if _CONTROL.search(name):
            raise _unsafe("a name holds control characters")
        if "\\" in name:
            raise _unsafe(f"{name[:100]!r} holds a backslash")
        if name.startswith("/") or _DRIVE.match(name):
            raise _unsafe(f"{name[:100]!r} is an absolute path")
        try:
            raw = name.encode()
        except UnicodeEncodeError:
            raise _invalid("a name is not UTF-8") from None
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise _unsafe(f"{name[:100]!r} leads out of the archive")
        if (
            len(parts) > self._limits.max_depth
            or len(raw) > 2048
            or any(len(p.encode()) > 255 for p in parts)
        ):
            raise _unsafe(f"{name[:60]!r}… is nested too deep or too long")
        return "/".join(parts)

    def add(self, path: str, kind: Kind, target: str) -> None:
        """Take a path, and refuse one that is taken or that goes through something that is no folder."""
        parts = path.split("/")
        for depth in range(1, len(parts)):
            self._add_parent("/".join(parts[:depth]), path)
        key = _fold(path)
        before = self._kinds.get(key)
        if before is not None and not (before == "folder" and kind == "folder"):
            # README and readme are two files on a node; a link among them is a trick.
            linked = before == "link" or kind == "link"
            if linked or path in self._spelled:
                raise _unsafe(f"{path[:100]!r} is there twice")
        if kind == "hardlink" and self._spelled.get(target) not in ("file", "hardlink"):
            raise _unsafe(f"the hard link {path[:100]!r} leads to nothing that came before it")
        self._kinds[key] = kind
        self._spelled[path] = kind
        if kind == "link":
            self._links[path] = target
        if kind != "folder":
            self.files += 1

    def _add_parent(self, parent: str, path: str) -> None:
        found = self._spelled.get(parent)
        folded = self._kinds.get(_fold(parent))
        if folded == "link" or found not in (None, "folder"):
            raise _unsafe(f"{path[:100]!r} goes through something that is not a folder")
        self._spelled.setdefault(parent, "folder")
        self._kinds.setdefault(_fold(parent), "folder")

    def check_links(self) -> None:
        """Refuse links that lead out; only now are all known that they may lead through."""
        for path in self._links:
            if leaves_tree(self._links, path):
                raise _unsafe(f"the symlink {path[:100]!r} leads out of the archive")


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _rewrite(member: _Member, names: _Names, meter: _Meter, out: tarfile.TarFile) -> None:
    meter.add_entry()
    path = names.clean(member.name)
    if not path:
        if member.kind != "folder":
            raise _unsafe("an entry has no name")
        return
    target = member.target
    if member.kind == "link":
        if (
            not target
            or _CONTROL.search(target)
            or "\\" in target
            or target.startswith("/")
            or _DRIVE.match(target)
        ):
            raise _unsafe(f"the symlink {path[:100]!r} leads out of the archive")
        if len(target) > _MAX_TARGET:
            raise _unsafe(f"the symlink {path[:100]!r} is too long")
    elif member.kind == "hardlink":
        target = names.clean(target)
    names.add(path, member.kind, target)
    info = tarfile.TarInfo(path)
    info.mtime = min(max(member.mtime, 0), 2**33 - 1)
    if member.kind == "file":
        meter.promise(member.size)
        info.size, info.mode = member.size, 0o755 if member.executable else 0o644
        out.addfile(info, _Metered(member.content, meter) if member.content is not None else None)  # type: ignore[arg-type]
        return
    info.type = {"folder": tarfile.DIRTYPE, "link": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE}[member.kind]
    info.mode = 0o755 if member.kind == "folder" else 0o777 if member.kind == "link" else 0o644
    info.linkname = target if member.kind != "folder" else ""
    out.addfile(info)


class _Metered:
    """Counts content as it is read; a member that ends before its stated size breaks the archive."""

    def __init__(self, content: _Readable, meter: _Meter) -> None:
        self._content = content
        self._meter = meter

    def read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            with _as_invalid():
                chunk = self._content.read(min(size - len(data), _CHUNK))
            if not chunk:
                raise _invalid("an entry is shorter than it says")
            self._meter.add_content(len(chunk))
            data += chunk
        return bytes(data)


def _read(archive: Path, meter: _Meter) -> Iterator[_Member]:
    with archive.open("rb") as file:
        start = file.read(512)
        file.seek(0)
        if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
            yield from _read_zip(file, meter)
        elif start[:2] == b"\x1f\x8b":
            with GzipFile(fileobj=file) as unpacked:
                yield from _read_tar(_Forward(unpacked, meter))
        elif start[257:262] == b"ustar":
            yield from _read_tar(_Forward(file, meter))
        else:
            raise _invalid("it is neither a zip nor a tar.gz nor a tar")


class _Forward(io.RawIOBase):
    """A file that is read from its beginning to its end, counted, and never in pieces that fill the memory.

    tarfile reads a header of any stated size in one call: that call is where such an archive is caught.
    """

    def __init__(self, file: IO[bytes] | GzipFile, meter: _Meter) -> None:
        self._file = file
        self._meter = meter
        self._place = 0
        self.last_block = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._place:
            raise _invalid("it cannot be read in one go")
        while self._place < offset:
            if not self.read(min(_CHUNK, offset - self._place)):
                break
        return self._place

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > _MAX_HEADER:
            raise _unsafe("a header in it is too large")
        with _as_invalid():
            data = self._file.read(size)
        self._place += len(data)
        self.last_block = data
        self._meter.add_stream(len(data))
        return data


def _read_tar(file: _Forward) -> Iterator[_Member]:
    with _as_invalid(), contextlib.closing(tarfile.open(fileobj=file, mode="r:")) as tar:
        while (info := tar.next()) is not None:
            # tarfile remembers every member for seeking back, which never happens here.
            tar.members = []  # type: ignore[attr-defined]
            yield _from_tar(tar, info)
        # tarfile takes a bad header for the end; the end is a block of zeros. Reading on proves gzip's own
        # sum.
        if file.last_block != bytes(tarfile.BLOCKSIZE):
            raise _invalid("it is broken or cut short")
        while file.read(_CHUNK):
            pass


def _from_tar(tar: tarfile.TarFile, info: tarfile.TarInfo) -> _Member:
    if info.issparse():
        raise _invalid("it holds sparse files")
    mtime = int(info.mtime) if info.mtime == info.mtime and abs(info.mtime) < 2**40 else 0
    if info.isdir():
        return _Member(info.name, "folder", mtime=mtime)
    if info.issym():
        return _Member(info.name, "link", target=info.linkname, mtime=mtime)
    if info.islnk():
        return _Member(info.name, "hardlink", target=info.linkname, mtime=mtime)
    if not info.isreg() or info.size < 0:
        raise _unsafe(f"{info.name[:100]!r} is a device, a pipe or something else that is not a file")
    return _Member(info.name, "file", info.size, "", bool(info.mode & 0o111), mtime, tar.extractfile(info))


def _read_zip(file: IO[bytes], meter: _Meter) -> Iterator[_Member]:
    with _as_invalid(), zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if len(entries) > meter.limits.max_files:
            raise _too_large(f"it holds more than {meter.limits.max_files} entries")
        for info in entries:
            if info.flag_bits & 0x1:
                raise _invalid("it is encrypted")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _invalid("it is compressed in a way that is not taken: only deflate is")
            yield from _from_zip(archive, info)


def _from_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[_Member]:
    # zipfile cuts a name at NUL and turns os.sep: judge what was written.
    name = info.orig_filename
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    mtime = _zip_time(info)
    if name.endswith("/"):
        yield _Member(name, "folder", mtime=mtime)
    elif kind == stat.S_IFLNK:
        if info.file_size > _MAX_TARGET:
            raise _unsafe(f"the symlink {name[:100]!r} is too long")
        try:
            target = archive.read(info).decode()
        except UnicodeDecodeError:
            raise _invalid("the target of a symlink is not UTF-8") from None
        yield _Member(name, "link", target=target, mtime=mtime)
    elif kind not in (0, stat.S_IFREG):
        raise _unsafe(f"{name[:100]!r} is a device, a pipe or something else that is not a file")
    else:
        with archive.open(info) as content:
            yield _Member(name, "file", info.file_size, "", bool(mode & 0o111), mtime, content)


def _zip_time(info: zipfile.ZipInfo) -> int:
    try:
        return timegm((*info.date_time, 0, 0, 0))
    except (ValueError, OverflowError):
        return 0


@contextlib.contextmanager
def _as_invalid() -> Iterator[None]:
    """Turn what the readers raise for broken data into the refusal for it."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, BadGzipFile, EOFError, struct.error) as fault:
        raise _invalid("it is broken or cut short") from fault
    except (NotImplementedError, RuntimeError, ValueError, OverflowError, IndexError) as fault:
        raise _invalid("it cannot be read") from fault


def _unsafe(what: str) -> Refusal:
    return Refusal("ARCHIVE_UNSAFE", f"The archive is refused: {what}. Nothing of it was unpacked.")


def _invalid(what: str) -> Refusal:
    return Refusal("ARCHIVE_INVALID", f"The archive cannot be used: {what}. Send a whole zip or tar.gz.")


def _too_large(what: str) -> Refusal:
    return Refusal("ARCHIVE_TOO_LARGE", f"The archive is too large: {what}.")
