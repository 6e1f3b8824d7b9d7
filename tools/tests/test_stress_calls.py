"""A request is sent until it is answered, and everything that was answered is counted."""

import contextlib
import json
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from tools.stress import calls
from tools.stress.calls import Caller

pytestmark = pytest.mark.any_database


class Scripted(BaseHTTPRequestHandler):
    """Answers by a script: (status, body, headers), or None to hang up."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keys.append(self.headers["Idempotency-Key"])
        answer = self.server.script.pop(0) if self.server.script else (201, {}, {})
        if answer is None:
            self.close_connection = True
            return
        status, body, headers = answer
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(calls, "LONGEST_PAUSE", 0.01)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Scripted) as server:
        server.daemon_threads = True
        server.script, server.keys = [], []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def post(server, path="/contacts/", body=None, key="", seconds=30):
    deadline = time.monotonic() + seconds
    with contextlib.closing(Caller(server.server_address[1], deadline=deadline)) as caller:
        return caller.call("POST", path, body or {}, token="token", key=key)


def test_is_sent_again_under_the_same_key_until_it_is_answered(server):
    again = {"Retry-After": "2"}
    server.script[:] = [
        None,
        (503, {"code": "unavailable"}, again),
        (409, {"code": "idempotency_key_in_use"}, again),
        (500, {"code": "internal_error"}, {}),
        (503, {}, {}),
        (201, {"id": 5}, {"Idempotency-Replayed": "true"}),
    ]
    outcome = post(server, body={"a": 1}, key="the-key")
    assert (outcome.status, outcome.body, outcome.replayed) == (201, {"id": 5}, True)
    assert server.keys == ["the-key"] * 6
    assert outcome.tally == {
        "no answer": 1,
        "503 unavailable": 1,
        "409 idempotency_key_in_use": 1,
        "500 internal_error": 1,
        "503 without Retry-After": 1,
        "201": 1,
    }


def test_a_refusal_is_an_answer(server):
    server.script[:] = [(409, {"code": "contact_changed"}, {})]
    outcome = post(server, "/contacts/1/close/")
    assert (outcome.status, outcome.code) == (409, "contact_changed")
    assert outcome.tally == {"409 contact_changed": 1}
    assert len(server.keys) == 1


def test_gives_up_after_so_many_tries(server):
    server.script[:] = [None] * 100
    outcome = post(server, key="the-key")
    assert outcome.status is None
    assert outcome.body is None
    assert outcome.tally == {"no answer": calls.MAX_TRIES}


def test_gives_up_when_the_time_is_over(server):
    outcome = post(server, key="the-key", seconds=-1)
    assert outcome.status is None
    assert server.keys == []
