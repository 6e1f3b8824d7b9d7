"""Where a benchmark runs: a database with a world in it, and the application on top."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import world
from benchmarks.processes import Usage, usage_of
from tools.stress.servers import ROOT, Gunicorn, environment, running_gunicorn
from tools.with_postgres import Server, running_postgres

NO_BRAKES = {"API_RATE_LIMIT": "off", "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}


class WorldError(Exception):
    """The world cannot be made, or is not as promised after a run."""


@dataclass(frozen=True)
class Stage:
    """A running application and what a benchmark has to know of its world."""

    gunicorn: Gunicorn
    postgres: Server | None
    world: dict[str, Any]
    env: dict[str, str]

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.gunicorn.port}"

    def used(self) -> Usage:
        """Return what application and database have used so far."""
        used = usage_of(self.gunicorn.process.pid)
        if self.postgres is not None and self.postgres.pid is not None:
            used += usage_of(self.postgres.pid)
        return used

    def promises(self) -> dict[str, int]:
        """Return the counts of what is stored. Raises WorldError where a promise is broken."""
        counts: dict[str, int] = json.loads(module_output("benchmarks.promises", self.env))
        if counts["violations"]:
            raise WorldError(f"promises broken: {counts}")
        return counts


@contextlib.contextmanager
def running_stage(database: str, plan: world.Plan, *, workers: int = 2) -> Iterator[Stage]:
    """Run the application on "sqlite" or "postgresql", durable as in use, until the block ends."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="minicrm-bench-")))
        postgres, url = None, f"sqlite:///{folder / 'bench.sqlite3'}"
        if database == "postgresql":
            postgres = stack.enter_context(running_postgres())
            url = postgres.url
        env = environment(url, folder, **NO_BRAKES)
        facts = json.loads(module_output("benchmarks.world", env, world.as_job(plan)))
        serving = running_gunicorn(workers, env, folder / "gunicorn.log")
        yield Stage(stack.enter_context(serving), postgres, facts, env)


def module_output(module: str, env: dict[str, str], job: str = "", *arguments: str) -> str:
    """Run one of our modules to its end; return what it wrote. Raises WorldError."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=env,
        input=job,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise WorldError(f"{module} failed: {done.stderr[-1000:]}")
    return done.stdout
