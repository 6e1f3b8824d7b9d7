"""The rate of a key holds for all processes of a real server together."""

import contextlib
import json
import os
import signal
import threading
from pathlib import Path

import pytest
from django.conf import settings

from distribution.rate_moments import paths_of
from distribution.tests.factories import make_key
from minicrm.tests.server import running_server

WORKERS, BURST, CONNECTIONS, REQUESTS = 3, 50, 12, 10

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def workers_of(server):
    task = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    return [int(pid) for pid in task.read_text().split()]


def counting(server):
    """Return how many of the server's processes have the shared moments open."""
    path = str(paths_of(settings.DATA_DIR)[0])
    return sum(
        any(os.path.realpath(link) == path for link in Path(f"/proc/{pid}/fd").iterdir())
        for pid in workers_of(server)
    )


@contextlib.contextmanager
def working_alone(server, worker):
    """Let one process answer: a quick one may take all connections anyway, but not each in turn."""
    others = [pid for pid in workers_of(server) if pid != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def ask(server, token, answers):
    client = server.connect()
    for _ in range(REQUESTS):
        client.request("GET", "/api/v1/sources/", headers={"Authorization": f"Bearer {token}"})
        response = client.getresponse()
        body = json.load(response)
        waits = response.headers["Retry-After"]
        answers.append((response.status, body["code"] if response.status != 200 else "", waits))
    client.close()


def ask_at_once(server, token, answers):
    threads = [
        threading.Thread(target=ask, args=[server, token, answers])
        for _ in range(CONNECTIONS // WORKERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


@pytest.mark.slow_on_postgresql
def test_three_processes_answer_one_burst():
    tokens, answers = [make_key(), make_key()], {}
    with running_server(workers=WORKERS, API_RATE_LIMIT="1/d", API_RATE_BURST=str(BURST)) as server:
        for token in tokens:
            answers[token] = []
            for worker in workers_of(server):
                with working_alone(server, worker):
                    ask_at_once(server, token, answers[token])
        processes = counting(server)

    assert processes == WORKERS
    for token in tokens:
        allowed = [answer for answer in answers[token] if answer == (200, "", None)]
        refused = [answer for answer in answers[token] if answer[:2] == (429, "too_many_requests")]
        assert len(allowed) == BURST
        assert len(refused) == CONNECTIONS * REQUESTS - BURST
        assert all(1 <= int(wait) <= 86_400 for _status, _code, wait in refused)
