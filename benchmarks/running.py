"""Starting what a benchmark needs: a database server, a world in each database, gunicorn on top."""

from __future__ import annotations

import contextlib
import json
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

import psycopg

from benchmarks.stage import UNLIMITED, Shape, Stage, module_output
from benchmarks.world import Plan, as_job
from tools.stress.servers import Gunicorn, environment, running_gunicorn
from tools.with_postgres import NAME, Server, running_postgres

AS_DEPLOYED = ("shared_buffers=256MB",)  # compose.yaml
NO_BRAKES = {"API_RATE_LIMIT": "off", "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}


@contextlib.contextmanager
def running_stages(database: str, plans: Sequence[Plan], shape: Shape) -> Iterator[list[Stage]]:
    """Run the application on "sqlite" or "postgresql", durable as in use, once for each world.

    All of them run until the block ends, on one database server, so that they can be compared in
    the same minute.
    """
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="minicrm-bench-"))
        postgres = None
        if database == "postgresql":
            postgres = stack.enter_context(running_postgres(settings=AS_DEPLOYED))
        _as_superuser(postgres, "ALTER SYSTEM SET log_lock_waits = on", "SELECT pg_reload_conf()")
        stages = []
        for number, plan in enumerate(plans):
            folder = Path(name) / str(number)
            folder.mkdir()
            env = environment(_new_database(postgres, folder), folder, **NO_BRAKES)
            facts = json.loads(module_output("benchmarks.world", env | UNLIMITED, as_job(plan)))
            gunicorn = stack.enter_context(_serving(shape, env, folder))
            stages.append(Stage(gunicorn, postgres, facts, env, folder, shape))
        _as_superuser(postgres, "CHECKPOINT")  # else the worlds are written to disk during the run
        yield stages


@contextlib.contextmanager
def also_running(stage: Stage, shape: Shape) -> Iterator[Stage]:
    """Run the application once more in the same world, in another shape."""
    env = stage.env
    if shape.socket and stage.postgres is not None:
        url = stage.env["DATABASE_URL"]
        env = env | {"DATABASE_URL": by_socket(url, stage.postgres)}
    with _serving(shape, env, stage.folder) as gunicorn:
        yield replace(stage, gunicorn=gunicorn, env=env, shape=shape)


def by_socket(url: str, server: Server) -> str:
    """Return the address of the same database by the server's Unix socket."""
    database = url.rpartition("/")[2]
    return f"postgres://{NAME}@{quote(str(server.run_dir), safe='')}:{server.port}/{database}"


def _serving(
    shape: Shape, env: Mapping[str, str], folder: Path
) -> contextlib.AbstractContextManager[Gunicorn]:
    own = {**env, "WEB_THREADS": str(shape.threads), **shape.env}
    return running_gunicorn(shape.workers, own, folder / f"gunicorn-{secrets.token_hex(3)}.log")


def _as_superuser(server: Server | None, *statements: LiteralString) -> None:
    """Run what the application's role may not, where there is a server."""
    if server is None:
        return
    socket = str(server.run_dir)
    with psycopg.connect(host=socket, port=server.port, user="postgres", autocommit=True) as link:
        for statement in statements:
            link.execute(statement)


def _new_database(server: Server | None, folder: Path) -> str:
    """Return the address of an empty database."""
    if server is None:
        return f"sqlite:///{folder / 'bench.sqlite3'}"
    name = f"{NAME}_{folder.name}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{server.url.rpartition('/')[0]}/{name}"
