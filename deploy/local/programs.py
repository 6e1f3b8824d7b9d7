"""Where Debian's packages have put the programs that the topology runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Not on everybody's PATH.
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")
POSTGRESQL = Path("/usr/lib/postgresql")


class MissingPrograms(Exception):
    """Something is not installed; `packages` are Debian's names for it."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = list(packages)
        names = " ".join(self.packages)
        super().__init__(f"not installed: {names}. On Debian and Ubuntu:  apt-get install {names}")


@dataclass(frozen=True)
class Programs:
    """The programs of the topology."""

    nginx: Path
    pgbouncer: Path
    postgres_dir: Path  # holds initdb, postgres, psql


def find_programs() -> Programs:
    """Return where they are; raise MissingPrograms with all that are not there."""
    nginx, pgbouncer, postgres_dir = _on_path("nginx"), _on_path("pgbouncer"), _postgres_dir()
    found = {"nginx-light": nginx, "pgbouncer": pgbouncer, "postgresql": postgres_dir}
    if nginx is None or pgbouncer is None or postgres_dir is None:
        raise MissingPrograms([package for package, where in found.items() if where is None])
    return Programs(nginx, pgbouncer, postgres_dir)


def _on_path(name: str) -> Path | None:
    path = os.pathsep.join([os.environ.get("PATH", ""), *SYSTEM_FOLDERS])
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def _postgres_dir() -> Path | None:
    """Return the newest version's folder; Debian keeps several side by side."""
    folders = POSTGRESQL.glob("[0-9]*/bin")
    whole = [path for path in folders if all((path / x).exists() for x in ("initdb", "psql"))]
    return max(whole, key=lambda path: float(path.parent.name), default=None)
