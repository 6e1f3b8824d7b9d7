"""Clients that post and close contacts, and remember everything they were told; fresh databases."""

import contextlib
import http.client
import json
import random
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.db import connection

from minicrm.tests.databases import new_database
from minicrm.tests.server import Server, database_url


@dataclass
class Told:
    """A contact that was sent: its request, and its answer with the time of it (None: none yet)."""

    key: str
    body: dict
    answer: dict | None = None
    at: float = 0.0
    closed_at: float | None = None


@dataclass
class Crowd:
    """Clients of one server, each with a connection; they work until `over`."""

    server: Server
    token: str
    sources: list[int]
    sent: list[Told] = field(default_factory=list)
    wrong: list[tuple[int, dict]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def work(self, seed: int) -> None:
        """Post contacts, and close every third that somebody got."""
        rng, client, mine = random.Random(seed), self.server.connect(), []
        for number in range(10**6):
            if self.over.is_set():
                break
            told = Told(
                key=f"drill-{seed}-{number}",
                body={
                    "source_id": rng.choice(self.sources),
                    # A few people write several times.
                    "external_id": f"person-{seed}-{rng.randrange(max(1, number // 2 + 1))}",
                    "message": f"{seed}-{number}",
                    "payload": {"ratio": 0.1, "n": number, "b": [None, {"a": "ü"}]},
                },
            )
            self.sent.append(told)
            self.post(client, told)
            mine.append(told)
            if number % 3 == 2:
                self.close(client, rng.choice(mine))
        client.close()

    def post(self, client: http.client.HTTPConnection, told: Told) -> None:
        """Send one and note what comes back."""
        status, answer, _headers = call(client, "POST", "contacts/", self.token, told)
        if status != 201:
            self.wrong.append((status, answer))
        told.answer, told.at = answer, time.time()

    def close(self, client: http.client.HTTPConnection, told: Told) -> None:
        """Close a contact; one that is closed already stays so."""
        if not told.answer or told.closed_at:
            return
        path = f"contacts/{told.answer['id']}/close/"
        status, answer, _headers = call(client, "POST", path, self.token)
        if status == 200:
            told.closed_at = time.time()
        else:
            self.wrong.append((status, answer))

    @contextlib.contextmanager
    def working(self, clients: int) -> Iterator[None]:
        """Let so many clients work during the block."""
        threads = [threading.Thread(target=self.work, args=(seed,)) for seed in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join(60)

    def wait_for(self, answers: int, *, seconds: float) -> None:
        """Return when so many posts were answered."""
        give_up_at = time.monotonic() + seconds
        while sum(told.answer is not None for told in self.sent) < answers:
            assert time.monotonic() < give_up_at, "the clients get no answers"
            time.sleep(0.05)

    def rate(self, start: float, end: float) -> float:
        """Return the answers per second between two moments."""
        return sum(start <= told.at < end for told in self.sent) / (end - start)


def call(client, method: str, path: str, token: str, told: Told | None = None):
    """Return status, answer and headers of a call."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    if told is not None:
        headers["Idempotency-Key"] = told.key
    client.request(method, f"/api/v1/{path}", json.dumps(told.body) if told else None, headers)
    response = client.getresponse()
    return response.status, json.load(response), response.headers


def all_contacts(server: Server, token: str) -> list[dict]:
    """Return every contact that the server has."""
    client, found, after = server.connect(), [], 0
    while True:
        path = f"contacts/?limit=1000&after={after}"
        status, page, _headers = call(client, "GET", path, token)
        assert status == 200, page
        found += page
        if len(page) < 1000:
            client.close()
            return found
        after = page[-1]["id"]


@contextlib.contextmanager
def fresh_database(folder: Path, name: str = "restored") -> Iterator[str]:
    """Yield the address of a new database like that of the test, without tables."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{folder / name}.sqlite3"
        return
    own = f"{connection.settings_dict['NAME']}_{name}"
    with new_database(database_url(), own) as url:
        yield url


def moment(text: str) -> float:
    """Return the time of an ISO 8601 text as time.time() counts it."""
    return datetime.fromisoformat(text).timestamp()


def command(*arguments: str) -> list[str]:
    """Return the command line of one of ours."""
    return [sys.executable, "manage.py", *arguments]
