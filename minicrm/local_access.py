"""The sign-in and the API key of an application started on this machine, kept in DATA_DIR.

For `make run`: so that both can be shown again at every start, and `make traffic` finds the key.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE_NAME = "local_access.json"


@dataclass(frozen=True, slots=True)
class LocalAccess:
    """Where the application was last started, and how to get in. Empty texts: not known."""

    url: str = ""
    database: str = ""
    username: str = ""
    password: str = ""
    api_key: str = ""


def read_access(folder: Path, *, database: str | None = None) -> LocalAccess:
    """Return what was kept for a database, or for the one used last; empty if there is nothing."""
    kept = _read(folder / FILE_NAME)
    found = kept.get(database) if database is not None else next(reversed(kept.values()), None)
    return found or LocalAccess(database=database or "")


def keep_access(folder: Path, access: LocalAccess) -> None:
    """Keep this as the one used last. The file is whole at any moment and for its owner alone."""
    path = folder / FILE_NAME
    kept = _read(path)
    kept.pop(access.database, None)
    kept[access.database] = access
    draft = folder / f".{FILE_NAME}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump([asdict(one) for one in kept.values()], file, indent=2)
        file.write("\n")
    draft.replace(path)


def _read(path: Path) -> dict[str, LocalAccess]:
    """Return what the file holds, by database, the one used last at the end."""
    try:
        entries = [LocalAccess(**entry) for entry in json.loads(path.read_text())]
    except (FileNotFoundError, ValueError, TypeError):
        return {}  # gone or spoilt: as on the first start
    return {entry.database: entry for entry in entries}
