"""PostgreSQL goes away and comes back under a running server, which needs no restart."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time

import psycopg
import pytest

from minicrm.tests.server import ROOT, running_server
from minicrm.tests.steady_load import SteadyLoad
from tools.with_postgres import running_postgres

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]

PREPARE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from distribution.tests.factories import SourceFactory, make_key
print(make_key(can_manage=True), SourceFactory(name="Demo").pk)
"""
COUNT = """
import django
django.setup()
from leads.models import Contact
print(*Contact.objects.values_list("lead__external_id", flat=True))
"""


def run(program, url):
    """Run a program of ours on that database, and return what it printed."""
    own = {
        "DATABASE_URL": url,
        "SECRET_KEY": "x" * 60,
        "DJANGO_SETTINGS_MODULE": "minicrm.settings",
    }
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | own,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()


class Poster:
    """Posts contacts, one person each, and notes what became of them and how long that took."""

    def __init__(self, key, source):
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._source = int(source)
        # The tests share a database: each poster has people of its own.
        self._people = secrets.token_hex(4)
        self._lock, self._number = threading.Lock(), 0
        self.acknowledged, self.refusals = set(), []

    def __call__(self, client):
        with self._lock:
            self._number += 1
            person = f"{self._people}-{self._number}"
        body = json.dumps({"source_id": self._source, "external_id": person})
        started = time.monotonic()
        client.request("POST", "/api/v1/contacts/", body, self._headers)
        with contextlib.closing(client.getresponse()) as response:
            answer = json.loads(response.read())
        if response.status == 201:
            self.acknowledged.add(person)
        else:
            seconds = time.monotonic() - started
            self.refusals.append((answer["code"], response.headers["Retry-After"], seconds))
        return response.status

    def stored(self, url):
        """Return its people whose contacts are in the database, each as often as that."""
        return [person for person in run(COUNT, url) if person.startswith(self._people)]


@pytest.fixture(scope="module")
def postgres():
    # Not fast: without its durability a crash takes the last acknowledged contacts with it.
    with running_postgres() as postgres:
        yield postgres


@pytest.fixture(scope="module")
def prepared(postgres):
    return run(PREPARE, postgres.url)


def page_of(server):
    with contextlib.closing(server.connect()) as client:
        client.request("GET", "/", headers={"Cookie": f"sessionid={'a' * 32}"})
        with contextlib.closing(client.getresponse()) as response:
            return response.status, response.read().decode(), response.headers


@pytest.mark.parametrize("times", [1, pytest.param(5, marks=pytest.mark.thorough)])
def test_goes_on_by_itself_when_the_database_is_back(postgres, prepared, times):
    poster = Poster(*prepared)
    with (
        running_server(DATABASE_URL=postgres.url, DEBUG="") as server,
        SteadyLoad(server, poster, clients=4, pause=0.05) as load,
    ):
        for _ in range(times):
            load.wait_for(20, of=201)
            postgres.stop(signal.SIGQUIT)  # what `pg_ctl stop -m immediate` does
            load.wait_for(20, of=503)
            status, page, headers = page_of(server)
            assert (status, headers["Retry-After"]) == (503, "2")
            assert "The database does not answer at the moment." in page
            assert headers["X-Request-ID"] in page
            postgres.start()
            refused = load.answered[503]
            load.wait_for(20, of=201)
            # Who asks from now on is served: each client may have asked a moment before.
            assert load.answered[503] - refused <= 4
            assert page_of(server)[0] == 302  # to the sign-in page
    assert load.lost == {}
    assert set(load.answered) == {201, 503}
    assert {refusal[:2] for refusal in poster.refusals} == {("unavailable", "2")}
    # At once: not after a timeout of the database's, the shortest of which is three seconds.
    seconds = sorted(refusal[2] for refusal in poster.refusals)
    assert seconds[len(seconds) // 2] < 2
    stored = poster.stored(postgres.url)
    assert len(stored) == len(set(stored))
    assert set(stored) >= poster.acknowledged


def as_owner(postgres, *statements, database="postgres"):
    """Run statements as the cluster's owner, over the socket that only its account can enter."""
    where = {"host": str(postgres.run_dir), "port": postgres.port, "user": "postgres"}
    with psycopg.connect(dbname=database, autocommit=True, **where) as owner:
        for statement in statements:
            owner.execute(statement)


@pytest.mark.parametrize(
    ("break_it", "mend_it"),
    [
        ("ALTER ROLE minicrm CONNECTION LIMIT 0", "ALTER ROLE minicrm CONNECTION LIMIT -1"),
        pytest.param(
            "ALTER DATABASE minicrm ALLOW_CONNECTIONS false",
            "ALTER DATABASE minicrm ALLOW_CONNECTIONS true",
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            "ALTER ROLE minicrm NOLOGIN", "ALTER ROLE minicrm LOGIN", marks=pytest.mark.thorough
        ),
    ],
    ids=["too many connections", "not accepting connections", "no login"],
)
def test_connections_that_the_server_refuses(postgres, prepared, break_it, mend_it):
    poster = Poster(*prepared)
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'minicrm'"
    with running_server(DATABASE_URL=postgres.url, workers=1) as server:
        with contextlib.closing(server.connect()) as client:
            assert poster(client) == 201
        as_owner(postgres, break_it, end_all)
        with contextlib.closing(server.connect()) as client:
            answers = [poster(client) for _ in range(3)]
        as_owner(postgres, mend_it)
        with contextlib.closing(server.connect()) as client:
            assert poster(client) == 201
    assert answers == [503] * 3
    assert {refusal[:2] for refusal in poster.refusals} == {("unavailable", "2")}


def test_a_statement_that_hangs_ends_long_before_the_worker(postgres, prepared):
    poster = Poster(*prepared)
    as_owner(
        postgres,
        "CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$",
        "CREATE TRIGGER hang BEFORE INSERT ON leads_contact EXECUTE FUNCTION hang()",
        database="minicrm",
    )
    limits = {"DB_LOCK_TIMEOUT_MS": "300", "DB_STATEMENT_TIMEOUT_MS": "900"}
    try:
        with running_server(DATABASE_URL=postgres.url, workers=1, **limits) as server:
            with contextlib.closing(server.connect()) as client:
                assert poster(client) == 503
            [(code, _, seconds)] = poster.refusals
            assert code == "unavailable"
            assert 0.9 <= seconds < 25
            as_owner(postgres, "DROP TRIGGER hang ON leads_contact", database="minicrm")
            with contextlib.closing(server.connect()) as client:
                assert poster(client) == 201
    finally:
        as_owner(postgres, "DROP FUNCTION hang() CASCADE", database="minicrm")
