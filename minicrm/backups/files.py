"""Where backups are kept: written under another name, whole or not at all, the oldest removed."""

import contextlib
import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from django.conf import settings

from minicrm.backups.manifest import Manifest

OWN_NAME = re.compile(r"minicrm-[0-9]{8}T[0-9]{6}Z\.tar\.gz")
DRAFT_SUFFIX = ".minicrm-part"  # a name of ours alone, as what is left behind is removed by it
DRAFT = re.compile(rf"\..+\.[0-9a-f]{{16}}{re.escape(DRAFT_SUFFIX)}")
RECORD = "last_backup.json"


def new_name() -> str:
    """Return the name of a backup that is written now; names sort by time."""
    return f"minicrm-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz"


@contextlib.contextmanager
def written_whole(target: Path) -> Iterator[IO[bytes]]:
    """Yield a file that becomes `target` at the end of the block, or is gone after an exception.

    Only its owner can read it: there are personal data and hashes of passwords in it.
    """
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}{DRAFT_SUFFIX}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # says that somebody is at it
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.rename(target)
        _sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)


class Counted:
    """Passes what is written on, and counts the bytes."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self._out.write(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        self._out.flush()


def keep_newest(folder: Path, count: int) -> tuple[list[Path], list[OSError]]:
    """Remove all but the newest `count` backups that were named by new_name.

    Returns those that are gone, and why others are not; raises OSError for the folder itself.
    """
    own = sorted(path for path in folder.iterdir() if OWN_NAME.fullmatch(path.name))
    gone, failures = [], []
    for path in own[: max(0, len(own) - count)]:
        try:
            path.unlink(missing_ok=True)
            gone.append(path)
        except OSError as error:
            failures.append(error)
    return gone, failures


def remove_abandoned(folder: Path) -> None:
    """Remove what killed backups have left; one that goes on, or another user's, is left alone."""
    for path in folder.iterdir():
        if DRAFT.fullmatch(path.name):
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def record_backup(file: str, manifest: Manifest, size: int) -> None:
    """Note the backup in DATA_DIR, where the metrics look for the age of the last one."""
    facts = {
        "time": manifest.created_at,
        "file": file,
        "rows": manifest.rows,
        "bytes": size,
    }
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    draft = settings.DATA_DIR / f".{RECORD}.{secrets.token_hex(8)}"
    try:
        draft.write_text(json.dumps(facts) + "\n")
        draft.rename(settings.DATA_DIR / RECORD)
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Let the new name outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
