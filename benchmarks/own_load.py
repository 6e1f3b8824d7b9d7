"""A load of our own, for machines without wrk: `python -m benchmarks.own_load`.

One process, one thread, connections that stay open. The order comes as JSON on standard input,
what came of it goes to standard output. It costs several times what wrk does, and takes that from
the cores of the server: rates are lower with it, CPU times of the server are hardly touched.
"""

from __future__ import annotations

import json
import random
import re
import selectors
import socket
import subprocess
import sys
from array import array
from collections.abc import Iterator
from dataclasses import asdict
from time import perf_counter
from typing import Any

from benchmarks.load import LONGEST_ANSWER_S, Load, LoadError, Order

GOOD = frozenset({b"200", b"201", b"204"})
EMPTY = frozenset({b"204", b"304"})  # have no body, and need not say so
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
RECEIVE_BYTES = 65536
CONNECT_SECONDS = 5
Plan = dict[str, Any]


def run(order: Order) -> Load:
    """Make the load in a process of its own. Raises LoadError."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.own_load"],
        input=json.dumps(asdict(order)),
        capture_output=True,
        text=True,
        timeout=order.seconds + 60,
    )
    if done.returncode:
        raise LoadError(f"the load failed: {done.stderr[-500:]}")
    return Load(**json.loads(done.stdout))


class Link:
    """A connection, and what has come of the answer to its last request."""

    __slots__ = ("begun", "got", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=CONNECT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.got = b""
        self.begun = 0.0


class Generator:
    """Keeps one request under way on each connection until the time is over."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.requests = requests_of(order)
        self.selector = selectors.DefaultSelector()
        self.times = array("d")
        self.refused = self.broken = 0

    def work(self) -> Load:
        """Make the load; what is under way at the end is dropped, as wrk does it."""
        begun = perf_counter()
        end = begun + self.order.seconds
        for _ in range(self.order.connections):
            self._open()
        while (left := end - perf_counter()) > 0:
            for key, _ in self.selector.select(left):
                self._receive(key.data)
        now = perf_counter()
        links = [key.data for key in self.selector.get_map().values()]
        self.broken += sum(now - link.begun > LONGEST_ANSWER_S for link in links)
        for link in links:
            self._close(link)
        return self._told(now - begun)

    def _open(self) -> None:
        link = Link(self.order.port)
        self.selector.register(link.socket, selectors.EVENT_READ, link)
        self._send(link)

    def _close(self, link: Link) -> None:
        self.selector.unregister(link.socket)
        link.socket.close()

    def _send(self, link: Link) -> None:
        request = next(self.requests)
        link.begun = perf_counter()
        # Far smaller than the buffer of a connection on which nothing is under way.
        if link.socket.send(request) != len(request):
            raise LoadError("a request did not fit into its connection")

    def _receive(self, link: Link) -> None:
        try:
            data = link.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.broken += 1
            self._close(link)
            self._open()
            return
        link.got += data
        if status := status_of(link.got):
            self._answered(link, status)

    def _answered(self, link: Link, status: bytes) -> None:
        self.times.append(perf_counter() - link.begun)
        self.refused += status not in GOOD
        closes = CLOSES.search(link.got)
        link.got = b""
        if closes:
            self._close(link)
            self._open()
        else:
            self._send(link)

    def _told(self, seconds: float) -> Load:
        times = corrected(sorted(self.times), seconds, self.order.connections)
        p50, p95, p99 = (_percentile(times, part) * 1e3 for part in (0.50, 0.95, 0.99))
        return Load(len(self.times), seconds, self.refused, self.broken, p50, p95, p99)


def status_of(got: bytes) -> bytes | None:
    """Return the status of an answer that is there as a whole, else None. Raises LoadError."""
    end = got.find(b"\r\n\r\n")
    if end < 0:
        return None
    status = got[9:12]
    length = LENGTH.search(got, 0, end + 2)
    if length is None and status not in EMPTY:
        raise LoadError("an answer does not say how long it is")
    body = int(length[1]) if length else 0
    return status if len(got) >= end + 4 + body else None


def corrected(times: list[float], seconds: float, connections: int) -> list[float]:
    """Return the times with those added that a slow answer kept from being taken, as wrk does.

    While one connection waits for long, it asks nobody else: who would have come then, at the
    pace of the others, would have waited too.
    """
    if len(times) < connections:
        return times
    pace = seconds * connections / len(times)
    missed = []
    for time in times:
        later = time - pace
        while later > pace:
            missed.append(later)
            later -= pace
    return sorted([*times, *missed])


def _percentile(times: list[float], part: float) -> float:
    return times[min(int(len(times) * part), len(times) - 1)] if times else 0.0


def requests_of(order: Order) -> Iterator[bytes]:
    """Yield requests without end, each with a body of its own where the order has a plan."""
    head = f"{order.method} {order.path} HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in order.headers.items())
    plan = dict(order.plan)
    if not plan:
        while True:
            yield f"{head}\r\n".encode()
    head += "Content-Type: application/json\r\n"
    number = 0
    while True:
        number += 1
        own = f"Idempotency-Key: {plan.get('salt')}-{number}\r\n" if plan.get("once") else ""
        body = _body(plan, number)
        yield f"{head}{own}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def _body(plan: Plan, number: int) -> str:
    lead = f"{plan.get('salt')}-{number}"
    if random.randint(1, 100) <= plan.get("known_share", 0):  # noqa: S311
        lead = f"bench-{random.randint(1, plan['known'])}"  # noqa: S311
    source = plan.get("source") or random.randint(plan["first"], plan["last"])  # noqa: S311
    return (
        f'{{"source_id": {source}, "external_id": "{lead}", "name": "Bench",'
        ' "message": "Please call back."}'
    )


if __name__ == "__main__":
    json.dump(asdict(Generator(Order(**json.load(sys.stdin))).work()), sys.stdout)
