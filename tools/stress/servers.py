"""What is put under load: gunicorn as the project configures it, and the database under it."""

import contextlib
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.with_postgres import SIGNALS, running_postgres

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60
STOP_SECONDS = 40  # above gunicorn's own time for the requests under way
# Settings of the surroundings that would change what is proven.
NEUTRAL = [
    "ALLOWED_HOSTS",
    "BIND",
    "DEBUG",
    "HTTPS",
    "PHONE_REGION",
    "WEB_THREADS",
]


class StartError(Exception):
    """Something that the run needs does not start; the message says what."""


@dataclass(frozen=True)
class Database:
    """A running database, and how to crash and restart it where that is possible."""

    name: str
    url: str
    crash_restart: Callable[[], None] | None = None


@contextlib.contextmanager
def running_database(name: str, folder: Path) -> Iterator[Database]:
    """Provide an empty database, "sqlite" or "postgresql", that keeps what it has acknowledged."""
    if name == "sqlite":
        yield Database(name, f"sqlite:///{folder / 'stress.sqlite3'}")
        return
    with running_postgres() as server:
        # SIGQUIT to the server's first process, which is what `pg_ctl stop -m immediate` sends.
        yield Database(name, server.url, server.crash_restart)


def environment(url: str, folder: Path, **extra: str) -> dict[str, str]:
    """Return the environment for the application's processes on this database."""
    neutral = dict.fromkeys(NEUTRAL, "")
    own = {
        "DATABASE_URL": url,
        "DATA_DIR": str(folder),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DJANGO_SETTINGS_MODULE": "minicrm.settings",
        "LOG_LEVEL": "ERROR",
        "API_RATE_LIMIT": "off",
    }
    return os.environ | neutral | own | extra


@dataclass(frozen=True)
class Gunicorn:
    """A running gunicorn."""

    port: int
    process: subprocess.Popen[bytes]

    def workers(self) -> list[int]:
        """Return the process ids of its workers, the one that runs longest first."""
        parent = self.process.pid
        listed = Path(f"/proc/{parent}/task/{parent}/children")
        if listed.exists():
            return [int(pid) for pid in listed.read_text().split()]
        table = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
        )
        pairs = [line.split() for line in table.stdout.splitlines()]
        return sorted(int(pid) for pid, ppid in pairs if int(ppid) == parent)

    def answers(self) -> bool:
        """Whether it serves requests at this moment."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(client):
            client.request("GET", "/readyz")
            return client.getresponse().status == 200
        return False


@contextlib.contextmanager
def running_gunicorn(
    workers: int, env: Mapping[str, str], log: Path, *, app: str = ""
) -> Iterator[Gunicorn]:
    """Run the application until the end of the block, with the project's own configuration."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--log-level", "error"]
    command += [app] if app else []
    process = None
    try:
        with log.open("ab") as output, uninterrupted():
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**env, "PORT": str(port), "WEB_CONCURRENCY": str(workers)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C is for the run alone, which then ends everything in its order.
                start_new_session=True,
            )
        gunicorn = Gunicorn(port, process)
        give_up_at = time.monotonic() + START_SECONDS
        while not gunicorn.answers():
            if process.poll() is not None or time.monotonic() > give_up_at:
                tail = log.read_text(errors="replace").splitlines()[-10:]
                raise StartError("gunicorn does not start:\n" + "\n".join(tail))
            time.sleep(0.05)
        yield gunicorn
    finally:
        if process is not None:
            stop(process)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a signal that ends the run wait for the end of the block.

    Between the start of a process and the moment from which somebody ends it, it would be left.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handlers = {one: signal.signal(one, lambda number, _: came.append(number)) for one in SIGNALS}
    try:
        yield
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
        if came:
            signal.raise_signal(came[0])


def stop(process: subprocess.Popen[bytes], *, seconds: float = STOP_SECONDS) -> None:
    """End a process of ours, gently at first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
