"""The load of our own, against a small server."""

import json
import re
import socket
import subprocess
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import asking, own_load, wrk
from benchmarks.load import Load, LoadError, Order

pytestmark = pytest.mark.any_database

SECONDS = 0.3
PLAN = {"source": 7, "known": 5, "known_share": 100, "once": 1, "salt": "s"}


class Server(ThreadingHTTPServer):
    """Answers all posts alike, and keeps what came."""

    daemon_threads = True
    status, closes = 201, False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies, self.keys, self.connections = [], [], Counter()

    def handle_error(self, request, client_address):
        """Say nothing: at the end of a load its connections break."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer, two sends, waits 40 ms for a receipt

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.connections[self.client_address] += 1
        self.server.bodies.append(json.loads(body or "null"))
        self.server.keys.append(self.headers.get("Idempotency-Key"))
        answer = b'{"id": 1}'
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        if self.server.closes:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


def order(server, **differs):
    given = {"connections": 4, "seconds": SECONDS, "plan": PLAN} | differs
    return Order(server.server_address[1], "/contacts/", **given)


def test_asks_on_all_connections_and_keeps_them_open(server):
    done = own_load.Generator(order(server)).work()
    assert done.refused == done.broken == 0
    assert done.requests > 20
    assert len(server.connections) == 4
    # Those under way at the end are not counted.
    assert done.requests <= len(server.bodies) <= done.requests + 4
    assert 0 < done.p50 <= done.p95 <= done.p99 < 1e3 * done.seconds


def test_posts_what_the_plan_says(server):
    own_load.Generator(order(server)).work()
    assert {body["source_id"] for body in server.bodies} == {7}
    known = {f"bench-{n}" for n in range(1, 6)}
    assert {body["external_id"] for body in server.bodies} == known
    assert len(set(server.keys)) == len(server.keys)


def test_posts_each_source_of_the_plan_and_a_new_lead_each_time(server):
    own_load.Generator(order(server, plan={"first": 3, "last": 4, "salt": "t"})).work()
    assert {body["source_id"] for body in server.bodies} == {3, 4}
    leads = [body["external_id"] for body in server.bodies]
    assert len(set(leads)) == len(leads)


def test_posts_the_same_as_wrk():
    told_wrk = re.search(r"string\.format\(\s*'({.*})'", wrk.SCRIPT.read_text())[1]
    request = next(own_load.requests_of(Order(1, "/", 1, 1, plan={"source": 7, "salt": "s"})))
    assert request.decode().partition("\r\n\r\n")[2] == told_wrk % (7, "s-1")


def test_reads_what_wrk_tells(monkeypatch):
    told = {"requests": 90, "duration": 2_000_000, "status": 3, "p50": 1500, "p95": 2e3, "p99": 9e3}
    told |= {"connect": 1, "read": 2, "write": 4, "timeout": 8}
    output = f"Running 2s test\n{wrk.MARK}{json.dumps(told)}\n"
    done = subprocess.CompletedProcess([], 0, output, "")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: done)
    assert wrk.run(Order(1, "/", 1, 2)) == Load(90, 2.0, 3, 15, 1.5, 2.0, 9.0)


def test_counts_refusals(server):
    server.status = 409
    done = own_load.Generator(order(server)).work()
    assert done.refused == done.requests > 0


def test_goes_on_where_the_server_closes_after_each_answer(server):
    server.closes = True
    done = own_load.Generator(order(server)).work()
    assert done.broken == 0
    assert len(server.connections) >= done.requests > 4


def test_counts_connections_that_break():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def slam():
            while True:
                try:
                    listening.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=slam, daemon=True).start()
        port = listening.getsockname()[1]
        done = own_load.Generator(Order(port, "/", 2, SECONDS, plan=PLAN)).work()
        listening.shutdown(socket.SHUT_RDWR)
    assert done.requests == 0
    assert done.broken > 0


@pytest.mark.parametrize(
    ("got", "status"),
    [
        (b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n", None),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{", None),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}", b"201"),
        (b"HTTP/1.1 201 Created\r\nContent-Le", None),
        (b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n", b"204"),
    ],
)
def test_an_answer_counts_when_it_is_whole(got, status):
    assert own_load.status_of(got) == status


def test_a_slow_answer_stands_for_those_it_kept_from_being_asked():
    # One connection that asks every 0.1 s, and once waits 0.55 s: four more would have waited.
    times = own_load.corrected([0.1] * 9 + [0.55], seconds=1.0, connections=1)
    assert [round(time, 2) for time in times] == [*[0.1] * 9, 0.15, 0.25, 0.35, 0.45, 0.55]


def test_the_program_of_its_own_tells_the_same(server):
    done = own_load.run(order(server))
    assert isinstance(done, Load)
    assert done.refused == done.broken == 0
    assert done.requests > 20


@pytest.mark.parametrize(("requests", "refused", "broken"), [(9, 1, 0), (9, 0, 1), (0, 0, 0)])
def test_a_run_with_a_refusal_is_refused(monkeypatch, requests, refused, broken):
    bad = Load(requests, 1.0, refused, broken, 1, 1, 1)
    monkeypatch.setitem(asking.GENERATORS, "own", lambda order: bad)
    with pytest.raises(LoadError, match=f"{refused} were refused, and {broken} not answered"):
        asking.ask(Order(1, "/", 1, 1), generator="own")


def test_takes_our_own_where_wrk_is_missing(monkeypatch):
    monkeypatch.setattr(wrk, "available", lambda: False)
    assert asking.chosen_generator(None) == "own"
    with pytest.raises(LoadError, match="apt-get install wrk"):
        asking.chosen_generator("wrk")


def test_says_what_wrk_says_when_it_fails(monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "unable to connect")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: failed)
    with pytest.raises(LoadError, match="unable to connect"):
        wrk.run(Order(1, "/", 1, 1))
