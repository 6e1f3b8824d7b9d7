"""The file itself: a gzipped tar of JSON lines, in parts, with the manifest at the end.

Parts, as tar wants to know a member's length before its content: so neither a whole table nor a
temporary file is needed, and a backup can be written into a pipe. Nothing is ever unpacked to disk.
"""

import contextlib
import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any, Protocol

from minicrm.backups.manifest import ArchiveError, Manifest, TableFacts

FORMAT = 1
FORMAT_NAME = "format.json"
MANIFEST_NAME = "manifest.json"
PART_NAME = re.compile(r"tables/([a-z0-9_]+\.[a-z0-9_]+)/[0-9]{6}\.jsonl")
PART_BYTES = 1024 * 1024
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
COMPRESSION = 5  # beyond it files get 2 % smaller and take twice as long

Part = tuple[str, IO[bytes]]


class Output(Protocol):
    """A file or a pipe, as far as an archive is written to it."""

    def write(self, data: bytes, /) -> int:
        """Take all of the data, or raise OSError."""

    def flush(self) -> object:
        """Pass on what was taken."""


class ArchiveWriter:
    """Writes an archive, from its first byte to its last, into a file or a pipe."""

    def __init__(self, out: Output) -> None:
        self._gzip = gzip.GzipFile(
            filename="", fileobj=out, mode="wb", compresslevel=COMPRESSION, mtime=0
        )
        self._tar = tarfile.open(fileobj=self._gzip, mode="w")  # noqa: SIM115  see close
        self._add(FORMAT_NAME, json.dumps({"application": "mini-crm", "format": FORMAT}).encode())

    def add_table(self, name: str, lines: Iterable[bytes]) -> tuple[int, str]:
        """Write a table's rows; return their number and the SHA-256 of all its parts together."""
        rows, number, digest, part = 0, 0, hashlib.sha256(), bytearray()
        for line in lines:
            part += line
            rows += 1
            if len(part) >= PART_BYTES:
                number += 1
                self._add_part(name, number, part, digest)
                part.clear()
        self._add_part(name, number + 1, part, digest)
        return rows, digest.hexdigest()

    def close(self, manifest: Manifest) -> None:
        """Write the manifest and what a whole archive ends with."""
        self._add(MANIFEST_NAME, manifest.as_json())
        self._tar.close()
        self._gzip.close()

    def _add_part(self, name: str, number: int, part: bytearray, digest: Any) -> None:
        digest.update(part)
        self._add(f"tables/{name}/{number:06}.jsonl", bytes(part))

    def _add(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(data), 0o600
        self._tar.addfile(member, io.BytesIO(data))


@contextlib.contextmanager
def told_plainly() -> Iterator[None]:
    """Raise ArchiveError for what reading a damaged file raises."""
    try:
        yield
    except (tarfile.TarError, zlib.error, gzip.BadGzipFile) as error:
        raise ArchiveError(f"it is damaged, or no backup ({error}).") from error
    except EOFError as error:
        raise ArchiveError("it is cut off: its end is missing.") from error


def read_parts(file: IO[bytes]) -> Iterator[Part]:
    """Yield the parts of an archive from its beginning: the name of the table, or of the manifest.

    Raises ArchiveError for anything that is not as ArchiveWriter leaves it; damage may show while a
    part is read, so the reader wants told_plainly around it. What the parts hold is checked by
    check_archive alone.
    """
    file.seek(0)
    with gzip.GzipFile(fileobj=file, mode="rb") as unzipped:
        with tarfile.open(fileobj=unzipped, mode="r|") as tar:
            for index, member in enumerate(tar):
                yield _part(tar, member, first=index == 0)
        while unzipped.read(CHUNK_BYTES):  # to the end, where gzip keeps its checksum
            pass


@told_plainly()
def check_archive(file: IO[bytes]) -> Manifest:
    """Read the archive from end to end and return its manifest; raise ArchiveError."""
    manifest: Manifest | None = None
    sums: dict[str, tuple[int, Any]] = {}
    for name, content in read_parts(file):
        if manifest is not None:
            raise ArchiveError("something follows its manifest.")
        if name == MANIFEST_NAME:
            manifest = Manifest.from_json(content.read(MAX_MANIFEST_BYTES))
        elif name != FORMAT_NAME:
            rows, digest = sums.get(name, (0, hashlib.sha256()))
            while chunk := content.read(CHUNK_BYTES):
                digest.update(chunk)
                rows += chunk.count(b"\n")
            sums[name] = rows, digest
    if manifest is None:
        raise ArchiveError("its end is missing: there is no manifest.")
    _compare(sums, manifest.tables)
    return manifest


def _compare(sums: dict[str, tuple[int, Any]], tables: dict[str, TableFacts]) -> None:
    for name in sorted(sums.keys() ^ tables.keys()):
        where = "in the archive" if name in tables else "in the manifest"
        raise ArchiveError(f"table {name} is missing {where}.")
    for name, (rows, digest) in sums.items():
        if (rows, digest.hexdigest()) != (tables[name].rows, tables[name].sha256):
            raise ArchiveError(f"table {name} is damaged: it is not what the manifest says.")


def _part(tar: tarfile.TarFile, member: tarfile.TarInfo, *, first: bool) -> Part:
    content = tar.extractfile(member) if member.isreg() else None
    if content is None or (first and member.name != FORMAT_NAME):
        raise ArchiveError("it is no backup of Mini-CRM.")
    if first:
        _check_format(content.read(CHUNK_BYTES))
    if member.name in (FORMAT_NAME, MANIFEST_NAME):
        return member.name, content
    if not (found := PART_NAME.fullmatch(member.name)):
        raise ArchiveError(f"it holds {member.name!r}, which no backup does.")
    return found[1], content


def _check_format(data: bytes) -> None:
    try:
        given = json.loads(data)["format"]
    except (ValueError, TypeError, KeyError) as error:
        raise ArchiveError("it is no backup of Mini-CRM.") from error
    if given != FORMAT:
        raise ArchiveError(f"its format is {given!r}, and this version reads format {FORMAT}.")
