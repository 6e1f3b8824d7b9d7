"""python -m minicrm.run_local, and the settings of gunicorn that it ends in, as real programs."""

import contextlib
import http.client
import http.cookiejar
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from minicrm.local_access import FILE_NAME, LocalAccess, keep_access, read_access
from minicrm.tests.choosing import every
from minicrm.tests.databases import new_database
from minicrm.tests.server import ROOT

pytestmark = pytest.mark.slow_on_postgresql

START_SECONDS = 60
GUNICORN = Path(sys.executable).with_name("gunicorn")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def environment(tmp_path):
    """The environment of a newcomer, on an empty database of the kind the tests run on."""
    keep = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV"}
    own = {name: value for name, value in os.environ.items() if name in keep}
    own |= {"DATA_DIR": str(tmp_path / "var"), "PYTHONUNBUFFERED": "1", "WEB_CONCURRENCY": "1"}
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield own
        return
    with new_database(url, f"run_local_{secrets.token_hex(4)}") as address:
        yield own | {"DATABASE_URL": address, "SECRET_KEY": secrets.token_urlsafe(50)}


class Run:
    """A started application and what it said so far."""

    def __init__(self, environment, port, *command):
        self.port = port
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "minicrm.run_local"],
            cwd=ROOT, env=environment | {"PORT": str(port)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.lines = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def said(self):
        return "".join(self.lines)

    def value(self, label):
        return re.search(rf"^  {label} +(.*)$", self.said, re.M)[1]

    @property
    def curl(self):
        return next(line.strip() for line in self.lines if line.startswith("  curl "))

    def wait_until_ready(self):
        give_up_at = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up_at and self.process.poll() is None:
            client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            with contextlib.suppress(OSError), contextlib.closing(client):
                client.request("GET", "/readyz")
                if client.getresponse().status == 200:
                    return self
            time.sleep(0.1)
        raise AssertionError(self.said)

    def stop(self):
        """Press Ctrl-C: the terminal sends it to everybody in the group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
        status = self.process.wait(30)
        self._reader.join(10)
        self.process.stdout.close()
        return status


@pytest.fixture
def start(environment):
    runs = []

    def start(*, port=None, **extra):
        run = Run(environment | extra, port or free_port())
        runs.append(run)
        return run.wait_until_ready()

    yield start
    for run in runs:
        run.stop()


def manage(environment, *args):
    return subprocess.run(
        [sys.executable, "manage.py", *args], cwd=ROOT, env=environment,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def send(curl):
    """Do what the curl command says; return status and body."""
    _, url, *options = shlex.split(curl)
    pairs = list(zip(options[::2], options[1::2], strict=True))
    headers = dict(value.split(": ", 1) for option, value in pairs if option == "-H")
    (data,) = (value for option, value in pairs if option == "-d")
    request = urllib.request.Request(url, data.encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.status, json.load(response)


def signs_in(run, username, password):
    """Whether the sign-in page takes them."""
    cookies = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    page = f"http://127.0.0.1:{run.port}/accounts/login/"
    opener.open(page, timeout=30).read()
    token = next(cookie.value for cookie in cookies if cookie.name == "csrftoken")
    form = {"username": username, "password": password, "csrfmiddlewaretoken": token}
    data = urllib.parse.urlencode(form | {"next": "/healthz"}).encode()
    opener.open(page, data, timeout=30).read()
    return "sessionid" in {cookie.name for cookie in cookies}


@pytest.mark.slow
class TestStart:
    def test_first_start_shows_a_way_in_that_works(self, start, environment):
        run = start()
        username, password = run.value("sign in").split(", password: ")
        assert username == "admin"
        assert signs_in(run, username, password)
        assert not signs_in(run, username, password + "x")
        status, contact = send(run.curl)
        assert (status, contact["source_id"]) == (201, 1)
        assert contact["status"] in ("assigned", "waiting")
        with urllib.request.urlopen(run.value("API"), timeout=30) as docs:
            assert b"swagger" in docs.read().lower()
        for step in ("Preparing the database", "Created 7 operators", "Collecting the static"):
            assert step in run.said
        kept = Path(environment["DATA_DIR"]) / FILE_NAME
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert password in kept.read_text()

    @pytest.mark.thorough
    @pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
    def test_command_works_when_pasted_into_a_shell(self, start):
        run = start()
        done = subprocess.run(["sh", "-c", run.curl], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["source_id"] == 1

    @pytest.mark.thorough
    def test_second_start_keeps_the_data_and_the_way_in(self, start, environment):
        first = start()
        send(first.curl)
        assert first.stop() == 0
        assert "Traceback" not in first.said
        second = start()
        assert second.port != first.port
        for label in ("sign in", "API key"):
            assert second.value(label) == first.value(label)
        assert "Created" not in second.said
        code = "from leads.models import Contact; print(Contact.objects.count())"
        assert manage(environment, "shell", "-v0", "-c", code).stdout.strip() == "301"
        # Its own doings are recorded: the administrator and the key, once.
        code = (
            "from distribution.models import AuditEvent as E;"
            "print(*E.objects.filter(actor='run_local').values_list('object_type', flat=True))"
        )
        assert manage(environment, "shell", "-v0", "-c", code).stdout.strip() == "api_key user"

    @pytest.mark.thorough
    def test_an_administrator_who_is_there_keeps_their_password(self, start, environment):
        first = start()
        username, password = first.value("sign in").split(", password: ")
        first.stop()
        (Path(environment["DATA_DIR"]) / FILE_NAME).unlink()
        second = start()
        assert "the one you have set" in second.value("sign in")
        assert signs_in(second, username, password)
        assert second.value("API key") != first.value("API key")
        assert send(second.curl)[0] == 201

    @pytest.mark.thorough
    def test_revoked_key_is_replaced_and_a_password_changed_is_left_alone(self, start, environment):
        first = start()
        first.stop()
        manage(
            environment, "shell", "-c",
            "from django.contrib.auth.models import User; from distribution.keys import *;"
            "user = User.objects.get(); user.set_password('my own choice'); user.save();"
            "revoke_api_key(ApiKey.objects.get(), actor='test')",
        )  # fmt: skip
        second = start()
        assert second.value("sign in").startswith("admin, password: the one you have set")
        assert signs_in(second, "admin", "my own choice")
        assert second.value("API key") != first.value("API key")
        assert send(second.curl)[0] == 201

    @pytest.mark.thorough
    def test_traffic_finds_the_application_by_itself(self, start, environment):
        run = start()
        done = manage(environment, "demo_traffic", "--count=5", "--rate=20")
        assert (done.returncode, done.stderr) == (0, "")
        assert "Contacts sent: 5" in done.stdout
        status, contact = send(run.curl)
        assert (status, contact["id"]) == (201, 306)

    @pytest.mark.thorough
    def test_address_for_others_is_not_listened_on(self, start):
        run = start(BIND="0.0.0.0:1")
        assert f"Listening at: http://127.0.0.1:{run.port}" in run.said


def run_to_the_end(environment, *command, **extra):
    return subprocess.run(
        command or [sys.executable, "-m", "minicrm.run_local"], cwd=ROOT,
        env=environment | extra, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_port_in_use_is_said_before_anything_else(environment):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run_to_the_end(environment, PORT=str(port))
    assert done.returncode == 1
    assert done.stderr == (
        f"mini-crm: Port {port} is in use. Take another one:  make run PORT=8001\n"
    )
    assert done.stdout == ""
    assert not Path(environment["DATA_DIR"]).exists()


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "80.5", "٣"])
def test_port_that_is_none(environment, port):
    done = run_to_the_end(environment, PORT=port)
    assert done.returncode == 1
    assert "PORT must be a whole number" in done.stderr
    assert "make run PORT=8001" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path(environment["DATA_DIR"]).exists()


def test_database_on_another_machine_gets_no_administrator(environment):
    done = run_to_the_end(
        environment,
        PORT=str(free_port()),
        DATABASE_URL="postgres://crm:secret@db.example.com/crm",
        SECRET_KEY="x" * 60,
    )
    assert done.returncode == 1
    assert "'db.example.com'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


def test_database_that_does_not_answer(environment):
    done = run_to_the_end(
        environment,
        PORT=str(free_port()),
        DATABASE_URL=f"postgres://crm:secret@127.0.0.1:{free_port()}/crm",
        SECRET_KEY="x" * 60,
    )
    assert done.returncode == 1
    assert "The database could not be prepared" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("program", every(2, [[sys.executable, "-m", "gunicorn"], [GUNICORN]]))
class TestGunicorn:
    """Both ways to start it."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [("PHONE_REGION", "XX"), ("PORT", "99999"), ("WEB_THREADS", "0"), ("BIND", "a:b")],
    )
    def test_wrong_setting_stops_the_start_with_one_line(self, environment, program, name, value):
        done = run_to_the_end(environment, *program, "-c", "gunicorn.conf.py", **{name: value})
        assert done.returncode == 2
        assert re.fullmatch(rf"mini-crm: {name} must .*{value}.*\n", done.stderr)

    @pytest.mark.slow
    def test_serves_and_lives_on_after_hup(self, environment, program):
        run = Run(environment, free_port(), *program, "-c", "gunicorn.conf.py")
        try:
            give_up_at = time.monotonic() + START_SECONDS
            while run.said.count("Booting worker") < 1 and time.monotonic() < give_up_at:
                time.sleep(0.05)
            run.process.send_signal(signal.SIGHUP)
            # Without the old worker it is the new one that answers, and so has begun.
            while "Worker exiting" not in run.said and time.monotonic() < give_up_at:
                time.sleep(0.05)
            assert run.said.count("Booting worker") == 2
            with urllib.request.urlopen(f"http://127.0.0.1:{run.port}/healthz") as response:
                assert json.load(response) == {"status": "ok"}
        finally:
            assert run.stop() == 0


SLOW_TO_BEGIN = """
import runpy, time
globals().update(runpy.run_path("gunicorn.conf.py"))
ours = post_fork
def post_fork(server, worker):
    ours(server, worker)
    time.sleep(300)
"""


@pytest.mark.slow
def test_a_worker_told_to_stop_before_it_has_begun_does_so(environment, tmp_path):
    config = tmp_path / "slow.conf.py"
    config.write_text(SLOW_TO_BEGIN)
    run = Run(environment, free_port(), sys.executable, "-m", "gunicorn", "-c", str(config))
    give_up_at = time.monotonic() + START_SECONDS
    while "Booting worker" not in run.said and time.monotonic() < give_up_at:
        time.sleep(0.05)
    time.sleep(0.5)  # it sleeps in `post_fork` now, or will
    assert run.stop() == 0


QUIT_WHILE_STARTING_A_THREAD = """
import os, runpy, signal
from gunicorn.config import Config
from gunicorn.workers.gthread import ThreadWorker

worker = ThreadWorker(0, os.getppid(), [], None, 30, Config(), None)
worker.tpool = worker.get_thread_pool()
worker.method_queue.init()
runpy.run_path("gunicorn.conf.py")["post_worker_init"](worker)
for number in (signal.SIGINT, signal.SIGQUIT):
    worker.alive = True
    with worker.tpool._shutdown_lock:  # as while a request is handed to the pool
        os.kill(os.getpid(), number)
    assert not worker.alive
"""


def test_worker_told_to_quit_at_the_worst_moment_does_not_hang(environment):
    done = run_to_the_end(environment, sys.executable, "-c", QUIT_WHILE_STARTING_A_THREAD)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_kept_comes_back_for_each_database(tmp_path):
    one = LocalAccess("http://127.0.0.1:1", "sqlite:a", "admin", "p1", "k1")
    two = LocalAccess("http://127.0.0.1:2", "postgresql:b", "admin", "p2", "k2")
    keep_access(tmp_path, one)
    keep_access(tmp_path, two)
    assert read_access(tmp_path) == two
    assert read_access(tmp_path, database="sqlite:a") == one
    keep_access(tmp_path, one)
    assert read_access(tmp_path) == one
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{", "null", "[1]", '{"a": 1}', '[{"unknown": 1}]'])
def test_spoilt_file_counts_as_none(tmp_path, text):
    (tmp_path / FILE_NAME).write_text(text)
    assert read_access(tmp_path) == LocalAccess()
    assert read_access(tmp_path, database="x") == LocalAccess(database="x")
