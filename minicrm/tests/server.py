"""A real gunicorn on the test database, and HTTP calls to it from many connections at once."""

import contextlib
import http.client
import json
import os
import queue
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from distribution.rate_moments import paths_of

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 30


def database_url() -> str:
    """Return the address of the database that the test runs on."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    login = f"{quote(config['USER'])}:{quote(config['PASSWORD'])}"
    return f"postgres://{login}@{config['HOST']}:{config['PORT']}/{config['NAME']}"


def environment(**extra: str) -> dict[str, str]:
    """Return the environment for a process of the application on the test's database."""
    own = {"DATABASE_URL": database_url(), "SECRET_KEY": secrets.token_urlsafe(50)}
    # The settings of this process: the fixture has pointed DATA_DIR to a temporary folder.
    own |= {"DATA_DIR": str(settings.DATA_DIR), "DEBUG": "1", "API_RATE_LIMIT": "off"}
    return os.environ | own | extra


@dataclass(frozen=True)
class Server:
    """A running gunicorn."""

    port: int
    pid: int

    def connect(self) -> http.client.HTTPConnection:
        """Return a new connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def workers(self) -> set[int]:
        """Return the workers' process ids; not each of them need have answered yet."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return {int(pid) for pid in children.split()}

    def post_all(self, path: str, key: str, bodies: list[dict], *, connections: int) -> list[dict]:
        """Post all bodies, spread over so many connections; return {status, body} in any order."""
        work: queue.SimpleQueue[dict] = queue.SimpleQueue()
        for body in bodies:
            work.put(body)
        answers: list[dict] = []

        def drain() -> None:
            client = self.connect()
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            with contextlib.suppress(queue.Empty):
                while True:
                    client.request("POST", path, json.dumps(work.get_nowait()), headers)
                    response = client.getresponse()
                    answers.append({"status": response.status, "body": json.load(response)})
            client.close()

        threads = [threading.Thread(target=drain) for _ in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        return answers


@contextlib.contextmanager
def running_server(
    *,
    workers: int = 2,
    output: IO[str] | None = None,
    log_level: str = "warning",
    **extra: str,
) -> Iterator[Server]:
    """Run gunicorn on a free port until the end of the block; it sees what tests have committed.

    `output` is a file for all that it writes to its log, of which gunicorn's own has `log_level`.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = environment(PORT=str(port), WEB_CONCURRENCY=str(workers), **extra)
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--log-level", log_level],
        cwd=ROOT,
        env=env,
        stdout=output,
        stderr=output,
    )
    try:
        _wait_until_it_answers(port, process)
        yield Server(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        for path in paths_of(Path(env["DATA_DIR"])):  # of a server that counts its requests
            path.unlink(missing_ok=True)


def _wait_until_it_answers(port: int, process: subprocess.Popen) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError), contextlib.closing(client):
            client.request("GET", "/healthz")
            if client.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError("gunicorn did not start")
