"""The whole topology: nginx, two gunicorn hosts, PgBouncer in transaction mode, PostgreSQL."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.database import Pooler, Postgres, running_database
from deploy.local.hosts import ROOT, Host
from deploy.local.processes import StartError, give_away, plain_environment, stop_all
from deploy.local.programs import Programs
from deploy.local.proxy import Proxy

ADMINISTRATOR = "admin"


@dataclass(frozen=True)
class Access:
    """How to get in."""

    username: str
    password: str
    api_key: str


@dataclass(frozen=True)
class Topology:
    """Everything that runs, and how to get in."""

    folder: Path
    postgres: Postgres
    pooler: Pooler
    hosts: list[Host]
    proxy: Proxy
    env: Mapping[str, str]  # of the hosts
    access: Access

    def manage(self, *arguments: str, direct: bool = False, **extra: str) -> str:
        """Run manage.py with the hosts' settings, or straight on PostgreSQL; return its output."""
        straight = {"DATABASE_URL": self.postgres.url, "DB_POOLER": ""} if direct else {}
        return manage({**self.env, **straight, **extra}, *arguments)


def manage(env: Mapping[str, str], *arguments: str) -> str:
    """Run manage.py in this environment; return what it printed, raise StartError if it failed."""
    result = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise StartError(f"manage.py {arguments[0]} failed:\n{result.stderr.strip()}")
    return result.stdout + result.stderr


@contextlib.contextmanager
def running_topology(
    programs: Programs, *, port: int | None = None, **extra: str
) -> Iterator[Topology]:
    """Run it until the end of the block, in a temporary folder; `extra` are settings."""
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="minicrm-topology-", ignore_cleanup_errors=True)
        )
        folder = Path(name)
        give_away(folder)
        env = _settings(folder) | extra
        collecting = _start_collecting(env)
        stack.callback(_end, collecting)
        postgres, pooler = stack.enter_context(running_database(folder, programs))
        env |= {"DATABASE_URL": pooler.url, "DB_POOLER": "transaction"}
        access = _prepare({**env, "DATABASE_URL": postgres.url, "DB_POOLER": ""})
        _finish(collecting)
        hosts = [Host(name, folder, env) for name in ("web-a", "web-b")]
        proxy = Proxy(folder / "nginx", programs, [host.port for host in hosts], port=port)
        parts = [proxy.part, *(host.part for host in hosts)]
        stack.callback(stop_all, parts)
        for host in hosts:
            host.launch()
        for host in hosts:
            host.wait()
        proxy.start()
        yield Topology(folder, postgres, pooler, hosts, proxy, env, access)


def _settings(folder: Path) -> dict[str, str]:
    return plain_environment(
        SECRET_KEY=secrets.token_urlsafe(50),
        DATA_DIR=str(folder / "data"),
        STATIC_ROOT=str(folder / "static"),
        ALLOWED_HOSTS="localhost,127.0.0.1",
        BEHIND_PROXY="on",
        # Load comes with one key; what limits keys has tests of its own.
        API_RATE_LIMIT="off",
        WEB_CONCURRENCY="2",
        WEB_THREADS="4",
    )


def _start_collecting(env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Collect and compress the static files while the database is made: it takes seconds."""
    # It wants no database, but settings that are not the embedded one's want a key alone.
    command = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
    return subprocess.Popen(
        command, cwd=ROOT, env=dict(env), stdin=subprocess.DEVNULL, start_new_session=True
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _finish(collecting: subprocess.Popen[bytes]) -> None:
    if collecting.wait(180):
        raise StartError("manage.py collectstatic failed.")


def _prepare(env: Mapping[str, str]) -> Access:
    """Migrate, and make an administrator and a key, by the commands that the docs name."""
    manage(env, "migrate", "--verbosity", "0")
    password = secrets.token_urlsafe(12)
    secret = {"CREATE_ADMINISTRATOR_PASSWORD": password}
    manage({**env, **secret}, "create_administrator", ADMINISTRATOR)
    key = manage(env, "create_api_key", "topology", "--manage").splitlines()
    return Access(ADMINISTRATOR, password, next(line for line in key if " " not in line))
