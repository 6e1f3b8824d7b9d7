"""Clients that ask a server without a pause, and count who was left without an answer."""

import contextlib
import http.client
import itertools
import json
import threading
import time
from collections import Counter

REFUSED = "refused"  # nobody listens: nothing was sent, and a proxy asks the next server


class SteadyLoad:
    """So many clients until the end of the block; each has a connection per request, or keeps it.

    `ask(client)` sends one request and returns the answer's status. What had no answer is in
    `lost`, with the error's name; a kept connection that broke while another request was sent on
    it is marked so.
    """

    def __init__(self, server, ask, *, clients=4, keep=False, pause=0.0):
        self._server, self._ask = server, ask
        self._keep, self._pause = keep, pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        self.answered, self.lost = Counter(), Counter()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for(self, more, *, of=200, seconds=60):
        """Wait for so many more answers of a status."""
        wanted, until = self.answered[of] + more, time.monotonic() + seconds
        while self.answered[of] < wanted:
            assert time.monotonic() < until, (self.answered, self.lost)
            time.sleep(0.02)

    def _run(self):
        client = self._server.connect()
        while not self._stop.is_set():
            reused = client.sock is not None
            try:
                self.answered[self._ask(client)] += 1
            except ConnectionRefusedError:
                self.lost[REFUSED] += 1
                client.close()
                self._stop.wait(0.05)
            except (OSError, http.client.HTTPException) as error:
                self.lost[("reused " if reused else "") + type(error).__name__] += 1
                client.close()
            if not self._keep:
                client.close()
            self._stop.wait(self._pause)
        client.close()


def getting(path, headers=()):
    """Return how to GET a path."""

    def ask(client):
        client.request("GET", path, headers=dict(headers))
        with contextlib.closing(client.getresponse()) as response:
            response.read()
            return response.status

    return ask


class Posting:
    """Posts contacts, each until it is acknowledged, under an idempotency key of its own."""

    def __init__(self, key, source):
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._source = source
        self._numbers = itertools.count()
        self._open = threading.local()
        self.acknowledged = {}  # person -> the contact's id

    def __call__(self, client):
        person = getattr(self._open, "person", None) or f"person-{next(self._numbers)}"
        self._open.person = person
        body = json.dumps({"source_id": self._source.pk, "external_id": person})
        client.request(
            "POST", "/api/v1/contacts/", body, self._headers | {"Idempotency-Key": person}
        )
        with contextlib.closing(client.getresponse()) as response:
            answer = json.loads(response.read())
            if response.status == 201:
                self.acknowledged[person] = answer["id"]
                self._open.person = None
            return response.status
