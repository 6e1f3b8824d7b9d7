"""What a real server of two workers writes to its log and counts for /metrics.

One server for all tests; each sends requests with ids of its own and looks for their records.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from distribution.models import ApiKey
from distribution.tests.factories import SourceFactory, make_key
from minicrm.metrics.worker_files import PREFIX
from minicrm.request_facts import UNKNOWN
from minicrm.tests.people import make_user
from minicrm.tests.server import running_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow_on_postgresql]

PERSON = "first.person@example.com"
TOKEN = "t" * 40
ENVIRONMENT = {
    "LOG_FORMAT": "json",
    "ACCESS_LOG": "on",
    "LOG_LEVEL": "DEBUG",
    "DEBUG": "0",
    "METRICS_TOKEN": TOKEN,
    "SECRET_KEY": django_settings.SECRET_KEY,  # which sessions are signed with
}


class Log:
    """A running server and all that it has written so far."""

    def __init__(self, server, path):
        self.server = server
        self.path = path

    @property
    def text(self):
        return self.path.read_text()

    def records(self):
        return [json.loads(line) for line in self.text.splitlines()]

    def ask(self, method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(self.server.connect()) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            response.read()
            return response

    def of(self, request_id, logger="gunicorn.access", count=1):
        """Return the records of a request; they are written just after its answer."""
        give_up_at = time.monotonic() + 10
        while True:
            found = [
                record
                for record in self.records()
                if record["request_id"] == request_id and record["logger"] == logger
            ]
            if len(found) >= count or time.monotonic() > give_up_at:
                return found
            time.sleep(0.05)

    def counted(self, **labels):
        """Return how many requests with these labels the server says it has answered."""
        with contextlib.closing(self.server.connect()) as connection:
            connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
            text = connection.getresponse().read().decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "minicrm_request_seconds_count"
            and labels.items() <= sample.labels.items()
        )


@pytest.fixture(scope="module")
def log(django_db_setup, tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "server.log"
    folder = tmp_path_factory.mktemp("data")
    static = folder / "static"
    static.mkdir()
    with path.open("w") as output:
        before = django_settings.DATA_DIR
        django_settings.DATA_DIR = folder
        try:
            with running_server(
                workers=2, output=output, STATIC_ROOT=str(static), **ENVIRONMENT
            ) as server:
                yield Log(server, path)
        finally:
            django_settings.DATA_DIR = before


def test_one_record_for_each_request(log):
    ids = [f"count-{number:04}" for number in range(30)]
    for request_id in ids:
        log.ask("GET", f"/healthz?who={PERSON}", X_Request_ID=request_id, User_Agent=PERSON)
    for request_id in ids:
        [record] = log.of(request_id)
        assert (record["method"], record["path"], record["status"]) == ("GET", "/healthz", 200)
        assert record["message"] == "GET /healthz 200"
        assert record["route"] == "healthz"
        assert record["bytes"] == len('{"status": "ok"}')
        assert 0 < record["ms"] < 60_000
        assert record["client"] == "127.0.0.1"
        assert record["user_id"] is record["api_key_id"] is None
    assert PERSON not in log.text


def test_record_of_a_call_names_the_key_by_its_number(log):
    source = SourceFactory()
    token = make_key(source=source)
    body = json.dumps({"source_id": source.pk, "email": PERSON, "message": "Call me"})
    response = log.ask(
        "POST", "/api/v1/contacts/", body,
        Authorization=f"Bearer {token}", Content_Type="application/json",
        X_Request_ID="call-0001",
    )  # fmt: skip
    assert response.status == 201
    [record] = log.of("call-0001")
    assert record["api_key_id"] == ApiKey.objects.get().pk
    assert record["route"] == "api/v1/contacts/"
    assert token not in log.text
    assert PERSON not in log.text


def test_record_of_a_page_names_the_user_by_their_number(log):
    user = make_user("viewer", username="demo-somebody")
    client = Client()
    client.force_login(user)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    log.ask("GET", f"/leads/12345/?q={PERSON}", Cookie=cookie, X_Request_ID="page-0001")
    [record] = log.of("page-0001")
    assert record["user_id"] == user.pk
    assert record["path"] == "/leads/12345/"
    assert record["route"] == "leads/<int:pk>/"
    assert "demo-somebody" not in log.text
    assert cookie not in log.text


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/x%0d%0aforged-line", UNKNOWN),
        ("/x%1b[31m", UNKNOWN),
        ("/x%e2%80%a8%e2%80%ae", UNKNOWN),
        (f"/leads/{PERSON}/", UNKNOWN),
        ("/leads/442079460123/", "/leads/<int:pk>/"),
        ("/robots.txt", "/robots.txt"),
    ],
)
def test_addresses_of_strangers(log, path, shown):
    request_id = f"stranger-{abs(hash(path))}"
    log.ask("GET", path, X_Request_ID=request_id, User_Agent="red [31m")
    [record] = log.of(request_id)
    assert record["path"] == shown
    for trace in ("forged-line", "\x1b", "31m", "\u2028", PERSON, "442079460123"):
        assert trace not in log.text


@pytest.mark.parametrize("supplied", ["forged[31m12", "a b c d e f g", "x" * 65, "\xff" * 10])
def test_id_that_is_not_fit_is_replaced(log, supplied):
    response = log.ask("GET", "/healthz", X_Request_ID=supplied)
    [record] = log.of(response.headers["X-Request-ID"])
    assert record["path"] == "/healthz"
    assert supplied not in log.text


@pytest.mark.parametrize(
    "head",
    [
        f"GET /?q={PERSON} NONSENSE",
        f"G@T /?q={PERSON} HTTP/1.1",
        f"GET / HTTP/1.1\r\nBad Header {PERSON}: 1",
        f"GET / HTTP/1.1\r\nX-A: \x1b[31m\x00{PERSON}",
        f"GET /{'a' * 9000}{PERSON} HTTP/1.1",
    ],
)
def test_what_is_no_request_leaves_a_record_without_what_was_sent(log, head):
    before = len(log.records())
    with socket.create_connection(("127.0.0.1", log.server.port), timeout=20) as raw:
        raw.sendall(head.encode("latin-1") + b"\r\n\r\n")
        answer = raw.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 4")
    give_up_at = time.monotonic() + 10
    while len(log.records()) == before and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert len(log.records()) > before
    assert PERSON not in log.text
    assert "\x1b" not in log.text


# Counting -------------------------------------------------------------------------------------

PLACE = {"method": "OPTIONS", "route": "/readyz", "status": "4xx"}


def ask_many(log, number):
    """Ask so often, over eight connections at once; return the processes that have answered."""
    ids = [secrets.token_hex(8) for _ in range(number)]

    def ask(request_id):
        assert log.ask("OPTIONS", "/readyz", X_Request_ID=request_id).status == 405

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, ids))
    return {log.of(request_id)[0]["process"] for request_id in ids[-20:]}


def test_whichever_worker_answers_all_requests_of_all_are_counted(log):
    before = log.counted(**PLACE)
    workers = set()
    sent = 0
    while len(workers) < 2 and sent < 2_000:
        workers |= ask_many(log, 100)
        sent += 100
    assert len(workers) == 2
    assert {log.counted(**PLACE) for _ in range(20)} == {before + sent}


@pytest.mark.thorough
def test_nothing_is_lost_or_doubled_over_reloads_and_kills(log):
    """And all that is written meanwhile is JSON; and there are no more files than places."""
    begun = log.counted(**PLACE)
    ask_many(log, 40)
    old = log.server.workers()
    os.kill(log.server.pid, signal.SIGHUP)
    new = wait_for_others(log, old)
    before = log.counted(**PLACE)
    assert before == begun + 40
    known = old | log.server.workers()
    os.kill(new, signal.SIGKILL)
    wait_for_others(log, known)
    assert log.counted(**PLACE) == before
    ask_many(log, 40)
    assert log.counted(**PLACE) == before + 40

    for record in log.records():
        assert record["time"].endswith("Z")
        assert {"level", "logger", "message", "request_id", "process"} <= record.keys()
    [folder] = folders_of(log.server.pid)
    places = {path.name for path in folder.glob("*.db")}
    assert places <= {f"histogram_{place}.db" for place in range(4)}


def wait_for_others(log, old):
    """Ask until a process answers that is none of these; return its number."""
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at:
        with contextlib.suppress(OSError):
            response = log.ask("GET", "/healthz")
            [record] = log.of(response.headers["X-Request-ID"])
            if record["process"] not in old:
                return record["process"]
        time.sleep(0.02)
    raise AssertionError("no new worker has answered")


def folders_of(pid):
    """Return the folders for counting that a process holds the lock of."""
    opened = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    return [Path(path).parent for path in opened if PREFIX in path]
