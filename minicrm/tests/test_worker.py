"""The real server: slow clients, reloads, stops and kills, without a request left unanswered."""

import contextlib
import ctypes
import errno
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
from gunicorn.http.body import LengthReader
from gunicorn.http.unreader import IterUnreader
from gunicorn.workers.gthread import ThreadWorker

from distribution.models import Source
from distribution.tests.factories import OperatorFactory, SourceFactory, make_key
from leads.models import Contact
from minicrm import worker
from minicrm.tests.choosing import everyday
from minicrm.tests.server import running_server
from minicrm.tests.steady_load import REFUSED, Posting, SteadyLoad, getting
from minicrm.worker import (
    MAX_BODY,
    MAX_HEAD,
    READ_SECONDS,
    Collected,
    WholeBody,
    take_all_and_close,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

HEAD = b"POST /api/v1/sources/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HALF_OPEN = {
    "silent": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: loc",
    "half a body": HEAD + b'Content-Length: 100\r\n\r\n{"name": ',
    "large, half a body": HEAD + b"Content-Length: 999999\r\n\r\n" + b" " * 9,
    "a head without end": b"GET /healthz HTTP/1.1\r\nX-A: " + b"a" * (MAX_HEAD + 1),
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    "half of the next": b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP",
    "not closed": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
}

# Each of these is given a second, and a thread, to read why.
REFUSED_UNREAD = [
    HALF_OPEN["large, half a body"],
    HALF_OPEN["a head without end"],
    HALF_OPEN["chunks"],
]


def wait_until(condition, seconds=40):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@contextlib.contextmanager
def half_open(server, sent, count=64):
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            client.sendall(sent)
        yield


def answers_at_once(server, times=5):
    for _ in range(times):
        with contextlib.closing(server.connect()) as client:
            client.timeout = READ_SECONDS / 2  # well before the slow ones are given up
            assert getting("/healthz")(client) == 200


@pytest.fixture(scope="module")
def server(django_db_setup):
    with running_server() as server:
        with SteadyLoad(server, getting("/healthz")) as load:
            load.wait_for(50)  # both workers have warmed up
        yield server


@pytest.mark.any_database
@pytest.mark.parametrize("name", everyday(["half a body", "half of the next"], HALF_OPEN))
def test_64_half_open_connections_keep_nobody_out(server, name):
    sent = HALF_OPEN[name]
    with half_open(server, sent, count=8 if sent in REFUSED_UNREAD else 64):
        answers_at_once(server)


@pytest.mark.thorough
@pytest.mark.any_database
def test_a_connection_without_a_request_is_ended(server):
    with socket.create_connection(("127.0.0.1", server.port), READ_SECONDS + 5) as client:
        client.sendall(HALF_OPEN["half a head"])
        assert client.recv(100) == b""


def exchange(server, *parts, finish=False):
    with socket.create_connection(("127.0.0.1", server.port), 30) as client:
        for part in parts:
            client.sendall(part)
            time.sleep(0.05)
        if finish:
            client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            return b"".join(iter(lambda: client.recv(65536), b""))
    return b""


@pytest.mark.slow_on_postgresql
def test_a_body_that_ends_early_is_not_obeyed(server):
    key = f"Authorization: Bearer {make_key(can_manage=True)}\r\n".encode()
    head, body = HEAD + key + b"Connection: close\r\n", b'{"name": "Demo"}'
    answer = exchange(server, head + b"Content-Length: 99\r\n\r\n" + body, finish=True)
    assert b" 201 " not in answer
    assert not Source.objects.exists()
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    slowly = exchange(server, head, length, body[:5], body[5:])
    assert slowly.startswith(b"HTTP/1.1 201 ")
    assert Source.objects.get().name == "Demo"


@pytest.mark.any_database
def test_requests_in_one_piece_are_answered_one_after_the_other(server):
    first = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = exchange(server, first + first + HALF_OPEN["not closed"])
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    asks = HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    assert b" 401 " in exchange(server, asks, b"{}")


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (b"GET / HTTP/1.1\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", True),
        (HEAD + b"content-length: 2\r\n\r\n{", False),
        (HEAD + b"content-length: 2\r\n\r\n{}", True),
        (HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n", True),
        (HEAD + b"Content-Length: %d\r\n\r\n" % MAX_BODY, False),
        (HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1), True),  # to be refused
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", True),
        (b"x" * MAX_HEAD, False),
        (b"x" * (MAX_HEAD + 1), True),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 10**6])
def test_knows_when_a_request_is_whole(received, expected, size):
    collected = Collected()
    parts = [received[start : start + size] for start in range(0, len(received), size)]
    assert [collected.add(part) for part in parts] == [False] * (len(parts) - 1) + [expected]
    assert collected.data == received


@pytest.mark.any_database
def test_a_request_in_small_parts_takes_no_longer():
    """Were all of it looked through for each part, this would take minutes."""
    began, collected = time.process_time(), Collected()
    length = MAX_BODY - 1_000
    assert not collected.add(HEAD + b"X-A: a\r\n" * 3_000 + b"Content-Length: %d\r\n\r\n" % length)
    for _ in range(length - 1):
        assert not collected.add(b"a")
    assert collected.add(b"a")
    assert time.process_time() - began < 5


def responses(answer):
    return [int(part.split()[0]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.any_database
def test_a_body_that_is_none_gets_one_answer(server):
    sent = (
        b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    answer = exchange(server, sent + b"ZZ\r\n")
    assert responses(answer) == [403]
    assert b"Connection: close" in answer


@pytest.mark.any_database
def test_more_than_any_form_has_is_refused_unread(server):
    for path in (b"/accounts/login/", b"/api/v1/sources/"):
        sent = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n" % path
        began = time.monotonic()
        answer = exchange(server, sent)
        assert time.monotonic() - began < READ_SECONDS / 2
        assert responses(answer) == [413]
        assert b'"code": "body_too_large"' in answer
    assert responses(exchange(server, HALF_OPEN["a head without end"])) == [431]


@pytest.mark.any_database
def test_a_body_is_read_whole_or_not_at_all():
    done = []
    whole = WholeBody(LengthReader(IterUnreader([b"abc", b"def"]), 6), lambda: done.append(1))
    assert whole.read(4) + whole.read(4) == b"abcdef"
    assert done == [1]
    short = WholeBody(LengthReader(IterUnreader([b"abc"]), 6), lambda: done.append(1))
    with pytest.raises(ConnectionResetError) as caught:
        short.read(6)
    assert caught.value.errno == errno.ECONNRESET
    assert done == [1]


@pytest.mark.parametrize("reloads", [2, 6])
@pytest.mark.thorough
def test_reloads_and_a_stop_leave_no_request_without_an_answer(reloads):
    key, source = make_key(), SourceFactory()
    OperatorFactory()
    posting = Posting(key, source)
    reads = getting("/api/v1/contacts/?limit=1", {"Authorization": f"Bearer {key}"})
    with running_server() as server, contextlib.ExitStack() as stack:
        loads = [
            stack.enter_context(SteadyLoad(server, ask, clients=2, keep=keep, pause=pause))
            for ask, keep, pause in [
                (posting, False, 0.0),
                (reads, True, 0.0),
                (reads, True, 0.7),
            ]
        ]
        for _ in range(reloads):
            before = server.workers()
            os.kill(server.pid, signal.SIGHUP)
            wait_until(lambda before=before: not before & server.workers())
            loads[0].wait_for(10, of=201)
        assert [load.lost for load in loads] == [{}] * 3
        os.kill(server.pid, signal.SIGTERM)
        wait_until(lambda: all(load.lost[REFUSED] for load in loads))
    assert [set(load.lost) for load in loads] == [{REFUSED}] * 3
    assert set(loads[0].answered) == {201}
    assert {pk for (pk,) in Contact.objects.values_list("pk")} == set(posting.acknowledged.values())


@pytest.mark.thorough
def test_a_killed_worker_loses_nothing_that_was_acknowledged():
    posting = Posting(make_key(), SourceFactory())
    with running_server() as server:
        with SteadyLoad(server, posting) as load:
            for _ in range(3):
                load.wait_for(10, of=201)
                os.kill(min(server.workers()), signal.SIGKILL)
            load.wait_for(20, of=201)
        workers = server.workers()
        os.kill(server.pid, signal.SIGKILL)  # and without its parent a worker ends by itself
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", server.port))
    stored = dict(Contact.objects.values_list("lead__external_id", "pk"))
    assert stored.items() >= posting.acknowledged.items()
    assert Contact.objects.count() == len(stored)


@contextlib.contextmanager
def server_with_descriptors(number, **kwargs):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, before[1]))
    try:
        starting = running_server(workers=1, **kwargs)
        server = starting.__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    try:
        yield server
    finally:
        starting.__exit__(None, None, None)


@pytest.mark.any_database
def test_everybody_who_waits_is_taken_before_the_close():
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        listener.setblocking(False)
        address = listener.getsockname()
        clients = [stack.enter_context(socket.create_connection(address)) for _ in range(5)]
        taken = [stack.enter_context(one.client) for one in take_all_and_close(listener, 9)]
        assert [one.getpeername() for one in taken] == [one.getsockname() for one in clients]
        assert [one.getsockname() for one in taken] == [address] * 5
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)


@pytest.mark.any_database
def test_no_more_are_taken_than_there_may_be():
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        listener.setblocking(False)
        for _ in range(3):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        taken = [stack.enter_context(one.client) for one in take_all_and_close(listener, 2)]
        assert len(taken) == 2


@pytest.mark.any_database
def test_who_is_taken_is_not_passed_on_to_programs():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        with socket.create_connection(listener.getsockname()):
            [taken] = take_all_and_close(listener, 9)
            with taken.client:
                assert not taken.client.get_inheritable()


@pytest.mark.any_database
def test_a_worker_may_be_told_twice_to_accept_no_more(monkeypatch):
    monkeypatch.setattr(ThreadWorker, "set_accept_enabled", lambda self, enabled: None)
    stopping = worker.Worker.__new__(worker.Worker)
    stopping.place, stopping.alive, stopping.nr_conns, stopping.worker_connections = 0, False, 0, 9
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        stopping.sockets = [listener]
        stopping.set_accept_enabled(False)
        assert listener.fileno() == -1
        stopping.set_accept_enabled(False)


@pytest.mark.any_database
def test_no_thread_comes_between_the_last_look_and_the_close(monkeypatch):
    """Python's own calls into the system let others run, and those ask for it every 5 ms."""
    intervals, libc = [], worker.LIBC
    before = sys.getswitchinterval()

    class Noted:
        def accept(self, *arguments):
            intervals.append(sys.getswitchinterval())
            return libc.accept(*arguments)

        def close(self, number):
            intervals.append(sys.getswitchinterval())
            return libc.close(number)

    monkeypatch.setattr(worker, "LIBC", Noted())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        assert list(take_all_and_close(listener, 9)) == []
    assert intervals == [1.0, 1.0]
    assert sys.getswitchinterval() == before
    assert isinstance(libc, ctypes.PyDLL)


@pytest.mark.any_database
@pytest.mark.thorough
def test_more_connections_than_file_descriptors():
    with server_with_descriptors(128) as server:
        workers = server.workers()
        with half_open(server, b"", count=150):
            time.sleep(1)
        answers_at_once(server)
        assert server.workers() == workers


@pytest.mark.any_database
@pytest.mark.thorough
def test_a_stop_with_more_connections_than_file_descriptors_answers_who_is_in():
    length = b"Content-Length: 2\r\n\r\n"
    with (
        server_with_descriptors(128) as server,
        socket.create_connection(("127.0.0.1", server.port), 30) as client,
    ):
        client.sendall(HEAD + length + b"{")
        time.sleep(0.3)
        with half_open(server, b"", count=150):
            time.sleep(0.3)
            os.kill(server.pid, signal.SIGTERM)
            time.sleep(1)
            client.sendall(b"}")
            assert responses(client.recv(65_536)) == [401]
