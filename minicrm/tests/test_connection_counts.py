"""Workers with fewer connections accept first, so that no worker idles beside one with all."""

import contextlib
import os
import socket
import time
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import pytest
from gunicorn.workers.gthread import ThreadWorker

from minicrm import worker
from minicrm.connection_counts import NOT_ACCEPTING, PLACES, ConnectionCounts
from minicrm.tests.server import running_server
from minicrm.worker import Worker

pytestmark = pytest.mark.any_database


def test_other_processes_see_them():
    counts = ConnectionCounts()
    counts.tell(0, 7)
    pid = os.fork()
    if not pid:
        counts.tell(1, 3)
        os._exit(0)
    os.waitpid(pid, 0)
    assert counts.fewest() == 3
    counts.leave(1)
    assert counts.fewest() == 7


def test_nobody_accepts_at_first():
    counts = ConnectionCounts()
    assert counts.fewest() == NOT_ACCEPTING
    counts.tell(0, 100_000)
    assert counts.fewest() == NOT_ACCEPTING - 1


def test_there_may_be_more_workers_than_take_part():
    counts = ConnectionCounts()
    counts.tell(PLACES, 0)
    counts.leave(PLACES)
    assert counts.fewest() == NOT_ACCEPTING


@pytest.fixture
def counts(monkeypatch):
    counts = ConnectionCounts()
    monkeypatch.setattr(worker, "CONNECTIONS", counts)
    return counts


@pytest.fixture
def events(monkeypatch):
    """What a worker does, in the order in which it does it."""
    events = []

    def accept(self, listener):
        events.append("accept")
        self.nr_conns += 1

    monkeypatch.setattr(ThreadWorker, "accept", accept)
    sleep = SimpleNamespace(sleep=lambda seconds: events.append("let others go first"))
    monkeypatch.setattr(worker, "time", sleep)
    return events


def new_worker(*, place, connections, is_accepting=True):
    found = Worker.__new__(Worker)
    found.place, found.nr_conns, found.alive, found.sockets = place, connections, True, []
    found._accepting, found.tmp = is_accepting, SimpleNamespace(notify=lambda: None)
    return found


@pytest.mark.parametrize(
    ("own", "others", "goes_first"),
    [(0, [0], True), (1, [0], True), (2, [0], False), (9, [12, 8], True), (9, [12, 7], False)],
)
def test_who_has_more_than_another_lets_it_go_first(counts, events, own, others, goes_first):
    for place, number in enumerate(others, start=1):
        counts.tell(place, number)
    new_worker(place=0, connections=own).accept(None)
    assert events == (["accept"] if goes_first else ["let others go first", "accept"])


def test_who_waits_at_a_stop_is_taken_at_once(counts, events):
    counts.tell(1, 0)
    new_worker(place=0, connections=9, is_accepting=False).accept(None)
    assert events == ["accept"]


def test_each_accept_and_each_turn_of_the_loop_tells(counts, events):
    found = new_worker(place=0, connections=3)
    found.accept(None)
    assert counts.fewest() == 4
    found.nr_conns = 2
    found.notify()
    assert counts.fewest() == 2


def test_who_does_not_accept_is_not_waited_for(counts, monkeypatch):
    monkeypatch.setattr(ThreadWorker, "set_accept_enabled", lambda self, enabled: None)
    found = new_worker(place=0, connections=3)
    found.notify()
    found.set_accept_enabled(False)
    found._accepting = False
    assert counts.fewest() == NOT_ACCEPTING
    found.notify()
    assert counts.fewest() == NOT_ACCEPTING


def sockets_of(pid):
    """Return the inodes of a process's open sockets."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            kind, _, inode = os.readlink(descriptor).partition(":")
            if kind == "socket":
                found.add(inode.strip("[]"))
    return found


def connected_to(port, by):
    """Return the inodes of this port's sockets whose other ends have one of these ports."""
    rows = map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
    ends = {(f":{port:04X}", f":{other:04X}") for other in by}
    return {row[9] for row in rows if (row[1][-5:], row[2][-5:]) in ends}


class Clients:
    """Connections to a server, opened together and kept."""

    def __init__(self, server):
        self.port = server.port
        self.workers = server.workers()
        self.newest = None
        self.kept = contextlib.ExitStack()
        self.close = self.kept.close

    def connect(self, number):
        """Open so many; return how many of them each of the workers has accepted."""
        ports = []
        for _ in range(number):
            self.newest = socket.create_connection(("127.0.0.1", self.port))
            self.kept.enter_context(self.newest)
            ports.append(self.newest.getsockname()[1])
        give_up_at = time.monotonic() + 30
        while sum(split := self.split(ports)) != number:
            assert time.monotonic() < give_up_at, split
            time.sleep(0.01)
        return split

    def split(self, ports):
        connected = connected_to(self.port, by=ports)
        return [len(sockets_of(pid) & connected) for pid in self.workers]

    def warm_up(self):
        """Have each worker answer once: that keeps it busy for a while, the first time."""
        warm = set()
        while len(warm) < len(self.workers):
            warm.add(self.connect(1).index(1))
            self.newest.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert self.newest.recv(100).startswith(b"HTTP/1.1 200 ")


def unevenness(split):
    return max(split) - min(split)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_connections_opened_together_are_shared_out():
    with running_server(workers=2) as server, contextlib.closing(Clients(server)) as clients:
        clients.warm_up()
        for _ in range(4):  # somebody else may keep a worker from its processor for a while
            gains = [clients.connect(24) for _ in range(5)]
            if is_even := median(map(unevenness, gains)) <= 4:
                break
    assert is_even, gains
