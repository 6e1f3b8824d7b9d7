"""A server as people run it, on a database of its own with a world in it."""

import contextlib
import fcntl
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection

from minicrm.tests.databases import new_database
from minicrm.tests.server import ROOT, database_url, environment, running_server


@dataclass(frozen=True)
class Site:
    """A running server's address, and the ids of what is in its database."""

    address: str
    world: dict[str, Any]


@contextlib.contextmanager
def running_site(kind: str, folder: Path, static: Path | None) -> Iterator[Site]:
    """Run a server on a new world of this kind (`minicrm.tests.world`) until the end of the block.

    Settings are those of real life: no DEBUG, static files collected and compressed, in `static`.
    Without it the server has DEBUG on, and all static files, those of the admin too.
    """
    if static is not None:
        collect_static_files(static)
        (folder / "static").symlink_to(static)
    with _new_database(folder / "world.sqlite3") as url:
        own = {"DATABASE_URL": url, "DATA_DIR": str(folder)}
        own["DEBUG"] = "0" if static else "1"
        own["SECRET_KEY"] = secrets.token_urlsafe(50)  # one for both: sessions are signed with it
        prepared = _run("-m", "minicrm.tests.world", kind, **own)
        with running_server(workers=1, **own) as server:
            yield Site(f"http://127.0.0.1:{server.port}", json.loads(prepared))


def collect_static_files(folder: Path) -> None:
    """Collect and compress the static files of our pages, unless another process has done it."""
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return
        own = {"DATA_DIR": str(folder.parent), "DEBUG": "0"}
        # The admin's files and those of the API's documentation are many, and no page of ours.
        _run("manage.py", "collectstatic", "--noinput", "-i", "admin", "-i", "ninja", **own)


def _run(*arguments: str, **surroundings: str) -> str:
    """Run Python on something of ours; return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(**surroundings, DJANGO_SETTINGS_MODULE="minicrm.settings"),
        stdout=subprocess.PIPE,
        check=True,
    )
    return done.stdout.decode()


@contextlib.contextmanager
def _new_database(file: Path) -> Iterator[str]:
    """Create an empty database of the kind that is set up; yield its address."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{file}"
        return
    with new_database(database_url(), f"browser_{secrets.token_hex(6)}") as url:
        yield url
