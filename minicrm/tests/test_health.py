"""/healthz and /readyz: for load balancers and monitors, without a key."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.test.utils import CaptureQueriesContext

from minicrm import health

NOWHERE = {"NAME": "/nowhere/x.sqlite3", "HOST": "127.0.0.1", "PORT": "9"}
GONE = {"status": "unavailable", "detail": "The database does not answer."}


@pytest.fixture
def client():
    """Somebody who is not signed in and has no key."""
    return Client()


@pytest.fixture
def elsewhere():
    """Lets the database's address lead elsewhere; called without an address, back again."""
    connection.close()
    before = {name: connection.settings_dict[name] for name in NOWHERE}

    def lead(**address):
        connection.close()
        connection.settings_dict.update(address or before)

    yield lead
    lead()


def test_healthz_asks_no_database(client):
    # Without the mark django_db, any query would fail the test.
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db(transaction=True)
def test_healthz_is_well_while_the_database_is_gone(client, elsewhere):
    elsewhere(**NOWHERE)
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db(transaction=True)
def test_readyz_is_well_with_all_migrations_applied(client):
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.fixture
def missing():
    """How many migrations are missing: those of one app, which come back afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, app, name, applied FROM django_migrations WHERE app = 'leads'")
        rows = cursor.fetchall()
        cursor.execute("DELETE FROM django_migrations WHERE app = 'leads'")
    yield len(rows)
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO django_migrations (id, app, name, applied) VALUES (%s, %s, %s, %s)", rows
        )


@pytest.mark.django_db(transaction=True)
def test_readyz_is_not_ready_while_a_migration_is_missing(client, request):
    assert client.get("/readyz").status_code == 200  # and remembers it
    missing = request.getfixturevalue("missing")
    for _ in range(2):
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response["Retry-After"] == "2"
        assert response.json() == {
            "status": "unavailable",
            "detail": f"{missing} migrations are not applied; run manage.py migrate.",
        }


@pytest.mark.django_db(transaction=True)
def test_readyz_is_not_ready_while_the_database_is_gone(client, elsewhere):
    elsewhere(**NOWHERE)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response["Retry-After"] == "2"
    assert response.json() == GONE
    elsewhere()  # and back
    assert client.get("/readyz").json() == {"status": "ok"}


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_readyz_makes_no_database_where_there_is_none(client, elsewhere, tmp_path):
    path = tmp_path / "not-there.sqlite3"
    elsewhere(NAME=str(path))
    assert client.get("/readyz").status_code == 503
    assert not path.exists()


# Cheap, and bounded ---------------------------------------------------------------------------


@pytest.mark.django_db
def test_migrations_are_looked_through_once(monkeypatch):
    health.pending_migrations()
    monkeypatch.setattr(MigrationExecutor, "__init__", None)  # to call it would fail
    with CaptureQueriesContext(connection) as queries:
        assert health.pending_migrations() == 0
    assert len(queries) == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_readyz_does_not_wait_for_a_server_that_says_nothing(client, elsewhere, monkeypatch):
    monkeypatch.setattr(health, "READY_WITHIN_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        elsewhere(HOST="127.0.0.1", PORT=str(silent.getsockname()[1]))
        started = time.monotonic()
        assert client.get("/readyz").json() == GONE
        assert time.monotonic() - started < 2


@pytest.mark.django_db(transaction=True)
def test_probes_do_not_pile_up_behind_a_database_that_hangs(client, monkeypatch):
    answers, asked = threading.Event(), []

    def hang():
        asked.append(threading.current_thread())
        answers.wait(20)
        return 0

    monkeypatch.setattr(health, "READINESS", health.Readiness())
    monkeypatch.setattr(health, "READY_WITHIN_SECONDS", 0.2)
    with monkeypatch.context() as hanging, ThreadPoolExecutor(6) as pool:
        hanging.setattr(health, "pending_migrations", hang)
        found = [pool.submit(lambda: Client().get("/readyz").json()) for _ in range(6)]
        assert [one.result() for one in found] == [GONE] * 6
        assert len(asked) == 1
        answers.set()
        asked[0].join(5)
    assert client.get("/readyz").json() == {"status": "ok"}


@pytest.mark.any_database
def test_who_asks_later_does_not_wait_anew_for_the_same_question(monkeypatch):
    answers = threading.Event()
    monkeypatch.setattr(health, "pending_migrations", lambda: answers.wait(20) and 0)
    readiness, waits = health.Readiness(), []
    for _ in range(3):
        began = time.monotonic()
        assert readiness.pending_migrations(0.3) is None
        waits.append(time.monotonic() - began)
    answers.set()
    assert waits[0] >= 0.29
    assert max(waits[1:]) < 0.1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_answers_are_not_cached_and_have_an_id(client, path):
    response = client.get(path)
    assert "no-store" in response["Cache-Control"]
    assert response["Content-Type"] == "application/json"
    assert response["X-Request-ID"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_methods(client, path):
    assert (client.head(path).status_code, client.head(path).content) == (200, b"")
    refused = client.post(path)
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")
