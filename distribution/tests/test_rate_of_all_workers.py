"""The rate of a key holds for all processes of a real server together."""

import json
import os
import threading
from pathlib import Path

import pytest
from django.conf import settings

from distribution.rate_moments import paths_of
from distribution.tests.factories import make_key
from minicrm.tests.server import running_server

BURST, CONNECTIONS, REQUESTS = 40, 12, 10

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def counting(server):
    """Return how many of the server's processes have the shared moments open."""
    path = str(paths_of(settings.DATA_DIR)[0])
    task = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    workers = task.read_text().split()
    return sum(
        any(os.path.realpath(link) == path for link in Path(f"/proc/{pid}/fd").iterdir())
        for pid in workers
    )


def ask(server, token, answers):
    client = server.connect()
    for _ in range(REQUESTS):
        client.request("GET", "/api/v1/sources/", headers={"Authorization": f"Bearer {token}"})
        response = client.getresponse()
        body = json.load(response)
        waits = response.headers["Retry-After"]
        answers.append((response.status, body["code"] if response.status != 200 else "", waits))
    client.close()


def test_three_processes_answer_one_burst():
    tokens, answers = [make_key(), make_key()], {}
    with running_server(workers=3, API_RATE_LIMIT="1/d", API_RATE_BURST=str(BURST)) as server:
        for token in tokens:
            answers[token] = []
            threads = [
                threading.Thread(target=ask, args=[server, token, answers[token]])
                for _ in range(CONNECTIONS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        processes = counting(server)

    assert processes >= 2
    for token in tokens:
        allowed = [answer for answer in answers[token] if answer == (200, "", None)]
        refused = [answer for answer in answers[token] if answer[:2] == (429, "too_many_requests")]
        assert len(allowed) == BURST
        assert len(refused) == CONNECTIONS * REQUESTS - BURST
        assert all(1 <= int(wait) <= 86_400 for _status, _code, wait in refused)
