"""manage.py demo_traffic: against a stand-in that shows what is sent, and the real thing."""

import contextlib
import io
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import pytest
from django.core.management import CommandError, call_command

from distribution.tests.factories import SourceFactory, WeightFactory, make_key
from leads.demo.client import ApiClient, Refused
from leads.demo.handling import Handling
from leads.models import Contact
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import AssignedContactFactory
from minicrm.local_access import LocalAccess, keep_access
from minicrm.tests.choosing import every
from minicrm.tests.server import ROOT, environment, running_server

pytestmark = pytest.mark.slow_on_postgresql

KEY = "mcrm_test_key"


@pytest.fixture(autouse=True)
def _no_key_around(monkeypatch):
    monkeypatch.delenv("MINICRM_API_KEY", raising=False)


class StandIn(ThreadingHTTPServer):
    """Answers as the API would; `script` holds other answers, to be given first."""

    def __init__(
        self, script=(), sources=(200, [{"id": 3}, {"id": 5}]), drop_idle=False, assigned=()
    ):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = list(script)
        self.sources = sources
        self.drop_idle = drop_idle
        self.assigned = assigned  # the open contacts, at each look; the last ones stay
        self.looks = 0
        self.closed = []
        self.posts = []
        self.connections = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1

    def log_message(self, *args):
        pass

    def do_GET(self):
        assert self.headers["Authorization"] == f"Bearer {KEY}"
        if self.path == "/api/v1/sources/":
            self.answer(*self.server.sources)
            return
        assert self.path == "/api/v1/contacts/?status=assigned&limit=1000"
        looks, self.server.looks = self.server.looks, self.server.looks + 1
        self.answer(200, self.server.assigned[min(looks, len(self.server.assigned) - 1)])

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/close/"):
            self.server.closed.append((self.path.split("/")[-3], body))
            status, told = self.server.script.pop(0) if self.server.script else (200, {})
            self.answer(status, {"changed": True, "detail": "No.", **told})
            return
        assert self.path == "/api/v1/contacts/"
        self.server.posts.append((time.monotonic(), dict(self.headers), body))
        if self.server.script:
            status, told, headers = self.server.script.pop(0)
            self.answer(status, told, **headers)
        else:
            number = len(self.server.posts)
            name = "Demo operator 1" if number % 2 else None
            self.answer(201, {"id": number, "operator": name, "status": "assigned"})
        # Without a word, as a server does with a connection that was idle for long.
        self.close_connection = self.server.drop_idle

    def answer(self, status, told, **headers):
        text = json.dumps(told).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextlib.contextmanager
def stand_in(**kwargs):
    server = StandIn(**kwargs)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def open_contact(number, version=1, **payload):
    return {"id": number, "version": version, "payload": {"demo": True, **payload}}


@contextlib.contextmanager
def handling(server, *, seconds=0.001, rng=None):
    client = ApiClient(server.url, KEY)
    try:
        yield Handling(client, rng or Random(1), seconds=seconds, look_every=0.02)
    finally:
        client.close()


def work(operators, *, until):
    """Do what is to be done until the condition holds."""
    give_up_at = time.monotonic() + 10
    while not until():
        assert time.monotonic() < give_up_at
        time.sleep(max(0.0, operators.next_at - time.monotonic()))
        operators.step()


def run(*args):
    out = io.StringIO()
    call_command("demo_traffic", *args, stdout=out)
    return out.getvalue()


def test_sends_the_contract_over_one_connection():
    with stand_in() as server:
        out = run("--url", server.url, "--key", KEY, "--count=6", "--rate=100", "--seed=1")
    assert server.connections == 1
    assert len(server.posts) == 6
    for _, headers, body in server.posts:
        assert headers["Authorization"] == f"Bearer {KEY}"
        assert headers["Content-Type"] == "application/json"
        assert headers["Idempotency-Key"]
        assert body["source_id"] in (3, 5)
        assert body.keys() & {"external_id", "email", "phone"}
        assert body["name"].startswith("Demo lead")
        assert body["payload"]["demo"] is True
    assert len({headers["Idempotency-Key"] for _, headers, _ in server.posts}) == 6
    assert re.search(r"^contact 1 +source [35] +Demo operator 1$", out, re.M)
    assert re.search(r"^contact 2 +source [35] +waiting$", out, re.M)
    assert "Contacts sent: 6 in" in out
    assert re.search(r"^ +3  waiting$", out, re.M)


def test_keeps_the_pace():
    with stand_in() as server:
        run("--url", server.url, "--key", KEY, "--source=3", "--count=5", "--rate=10")
    moments = [moment for moment, _, _ in server.posts]
    # Not 0.4: the first may be late, and those after it keep to the clock.
    assert moments[-1] - moments[0] > 0.2


def test_ends_after_its_time():
    with stand_in() as server:
        started = time.monotonic()
        run("--url", server.url, "--key", KEY, "--duration=0.6", "--rate=10")
        assert 0.6 <= time.monotonic() - started < 2
    assert 4 <= len(server.posts) <= 7


@pytest.mark.parametrize("status", every(2, [429, 503]))
def test_waits_as_long_as_it_is_told_and_sends_the_same_again(status):
    busy = (status, {"detail": "later"}, {"Retry_After": "1"})
    with stand_in(script=[busy]) as server:
        out = run("--url", server.url, "--key", KEY, "--count=1")
    (first, headers, body), (second, headers_again, body_again) = server.posts
    assert second - first >= 1
    assert body_again == body
    assert headers_again["Idempotency-Key"] == headers["Idempotency-Key"]
    assert "Contacts sent: 1 in" in out
    assert "not taken" not in out


def test_does_not_wait_beyond_its_time():
    busy = (503, {"detail": "The database does not answer."}, {"Retry_After": "30"})
    with stand_in(script=[busy] * 9) as server:
        started = time.monotonic()
        out = run("--url", server.url, "--key", KEY, "--duration=0.5", "--rate=10")
        assert time.monotonic() - started < 5
    assert "not taken: 503 The database does not answer." in out


def test_goes_on_after_an_error_of_the_server():
    with stand_in(script=[(500, {"detail": "Something broke."}, {})]) as server:
        out = run("--url", server.url, "--key", KEY, "--count=2", "--rate=50")
    assert len(server.posts) == 2
    assert "not taken: 500 Something broke." in out


def test_connection_closed_while_idle_is_opened_again():
    with stand_in(drop_idle=True) as server:
        out = run("--url", server.url, "--key", KEY, "--count=3", "--rate=20")
    assert len(server.posts) == 3
    assert "not taken" not in out
    assert server.connections == 3


@pytest.mark.parametrize("status", [401, 404, 422])
def test_stops_when_refused_and_says_why(status):
    with stand_in(script=[(status, {"detail": "Because of that."}, {})]) as server:
        with pytest.raises(CommandError, match=f"{status} Because of that") as caught:
            run("--url", server.url, "--key", KEY, "--count=5", "--rate=50")
        assert len(server.posts) == 1
    assert caught.value.returncode == 1


def test_key_bound_to_a_source_names_none():
    with stand_in(sources=(403, {"detail": "This key is for one source."})) as server:
        run("--url", server.url, "--key", KEY, "--count=1")
    assert "source_id" not in server.posts[0][2]


def test_sources_named_are_the_only_ones():
    with stand_in(sources=(500, {})) as server:
        run("--url", server.url, "--key", KEY, "--source=9", "--count=3", "--rate=50")
    assert {body["source_id"] for _, _, body in server.posts} == {9}


def test_no_sources_yet():
    with stand_in(sources=(200, [])) as server, pytest.raises(CommandError, match="no sources"):
        run("--url", server.url, "--key", KEY)


def test_server_that_is_not_there():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(CommandError, match=f"{url} does not answer") as caught:
            run("--url", url, "--key", KEY)
    assert caught.value.returncode == 1


@pytest.mark.parametrize(
    "url", ["http://crm.example.com", "http://192.0.2.7:8000", "http://127.0.0.1.example.com"]
)
def test_other_machines_only_when_allowed(url):
    with pytest.raises(CommandError, match="--allow-remote"):
        run("--url", url, "--key", KEY)


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://localhost", "http://localhost:x", "http://[::1"]
)
def test_address_that_is_none(url):
    with pytest.raises(CommandError, match="is no address"):
        run("--url", url, "--key", KEY, "--allow-remote")


def test_key_and_address_come_from_where_make_run_left_them(settings, monkeypatch):
    with pytest.raises(CommandError, match="no API key"):
        run()
    with stand_in() as server:
        keep_access(settings.DATA_DIR, LocalAccess(url=server.url, api_key=KEY))
        run("--count=1")
        keep_access(settings.DATA_DIR, LocalAccess(url=server.url, api_key="other"))
        monkeypatch.setenv("MINICRM_API_KEY", KEY)
        run("--count=1")
    assert len(server.posts) == 2


def test_key_of_this_machine_is_not_sent_to_others(settings):
    keep_access(settings.DATA_DIR, LocalAccess(url="http://127.0.0.1:8000", api_key=KEY))
    with pytest.raises(CommandError, match="no API key"):
        run("--url=http://crm.example.com", "--allow-remote")


class TestHandling:
    def test_closes_what_is_open_at_the_version_it_was_seen(self):
        assigned = [[open_contact(7), open_contact(8, version=3)]]
        with stand_in(assigned=assigned) as server, handling(server) as operators:
            work(operators, until=lambda: len({number for number, _ in server.closed}) == 2)
            assert operators.closed == len(server.closed)
        assert all(body == {"version": {"7": 1, "8": 3}[number]} for number, body in server.closed)

    def test_leaves_contacts_alone_that_are_not_of_the_demo(self):
        others = [
            {"id": number, "version": 1, "payload": payload}
            for number, payload in enumerate([{}, {"demo": "yes"}, {"demo": 1}, {"a": {"demo": 1}}])
        ]
        assigned = [[*others, open_contact(9)]]
        with stand_in(assigned=assigned) as server, handling(server) as operators:
            work(operators, until=lambda: operators.closed == 2)
        assert {number for number, _ in server.closed} == {"9"}

    def test_takes_its_time(self):
        assigned = [[open_contact(7)]]
        with stand_in(assigned=assigned) as server, handling(server, seconds=3_600) as operators:
            work(operators, until=lambda: server.looks == 5)
            assert (operators.closed, server.closed) == (0, [])

    def test_contact_that_was_moved_gets_its_time_anew(self):
        class Times(Random):
            """A random generator that has an hour for the first contact, and no time after."""

            times = iter([3_600, 0])

            def expovariate(self, rate):
                return next(self.times)

        assigned = [[open_contact(7)], [open_contact(7)], [open_contact(7, version=2)]]
        with stand_in(assigned=assigned) as server, handling(server, rng=Times()) as operators:
            work(operators, until=lambda: operators.closed == 1)
        assert server.closed == [("7", {"version": 2})]

    def test_contact_that_changed_is_looked_at_again(self):
        script = [(409, {"code": "contact_changed"}), (200, {"changed": False}), (503, {})]
        kwargs = {"assigned": [[open_contact(7)]], "script": script}
        with stand_in(**kwargs) as server, handling(server) as operators:
            work(operators, until=lambda: operators.closed == 1)
        assert len(server.closed) == 4

    def test_key_that_may_not(self):
        kwargs = {"assigned": [[open_contact(7)]], "script": [(403, {})]}
        with (
            stand_in(**kwargs) as server,
            handling(server) as operators,
            pytest.raises(Refused, match=r"^403 No\.$"),
        ):
            work(operators, until=lambda: False)


@pytest.mark.parametrize("arg", ["--rate=0", "--rate=nan", "--duration=-1", "--count=0"])
def test_refuses_numbers_that_make_no_sense(arg):
    with pytest.raises(CommandError, match="must be"):
        run(arg, "--key", KEY)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestRealServer:
    def test_contacts_arrive_and_ctrl_c_ends_it_well(self):
        weight = WeightFactory(operator__max_load=3)
        SourceFactory()
        with running_server() as server:
            process = subprocess.Popen(
                [
                    sys.executable, "manage.py", "demo_traffic", "--rate=50", "--duration=60",
                    f"--url=http://127.0.0.1:{server.port}",
                ],
                cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=environment(MINICRM_API_KEY=make_key(), PYTHONUNBUFFERED="1"),
            )  # fmt: skip
            give_up_at = time.monotonic() + 30
            # How many a source gets is drawn.
            while not self.is_full() and time.monotonic() < give_up_at:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        stored = Contact.objects.count()
        sent = int(re.search(r"Contacts sent: (\d+)", out)[1])
        assert stored - 1 <= sent <= stored  # the one under way at Ctrl-C may have arrived
        assert set(Contact.objects.values_list("source__weights__operator", flat=True)) == {
            weight.operator_id, None,
        }  # fmt: skip
        assert re.search(rf"^ +3  {weight.operator.name}$", out, re.M)
        assert_promises_kept()

    def is_full(self):
        """Whether the one operator has three contacts, and others wait at either source."""
        waiting = Contact.objects.waiting().values("source").distinct().count()
        return waiting == 2 and Contact.objects.assigned().count() == 3

    @pytest.mark.thorough
    def test_contacts_are_closed_with_a_key_that_may(self):
        weight = WeightFactory(operator__max_load=2)
        real = AssignedContactFactory(operator=weight.operator, source=weight.source)
        with running_server(workers=1) as server:
            args = ["--url", f"http://127.0.0.1:{server.port}", "--rate=4", "--duration=5"]
            out = run(*args, "--handling=0.1", "--key", make_key(can_manage=True))
        closed = int(re.search(r"^Contacts closed: (\d+)$", out, re.M)[1])
        assert closed >= 3  # one at a time fits beside the real one
        assert Contact.objects.filter(status="closed").count() == closed
        real.refresh_from_db()
        assert real.status == "assigned"
        assert "Nothing is closed" not in out
        assert_promises_kept()

    @pytest.mark.thorough
    def test_key_that_may_not_close_posts_all_the_same(self):
        weight = WeightFactory()
        with running_server(workers=1) as server:
            args = ["--url", f"http://127.0.0.1:{server.port}", "--rate=4", "--duration=4"]
            out = run(*args, "--handling=0.1", "--key", make_key(source=weight.source))
        assert out.count("Nothing is closed: 403 This key is for the contacts of one source.") == 1
        assert "Contacts closed" not in out
        assert not Contact.objects.filter(status="closed").exists()
        assert Contact.objects.count() >= 14

    @pytest.mark.thorough
    def test_key_of_one_source_posts_to_that_one(self):
        source = SourceFactory.create_batch(3)[1]
        with running_server(workers=1) as server:
            key = make_key(source=source)
            run("--url", f"http://127.0.0.1:{server.port}", "--key", key, "--count=4", "--rate=50")
        assert list(Contact.objects.values_list("source", flat=True)) == [source.pk] * 4
