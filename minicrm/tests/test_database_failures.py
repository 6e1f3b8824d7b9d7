"""What the database may fail with: no room, read only, cut off, silent. 503, and nothing lost."""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time

import pytest
from django.db import OperationalError, connection, connections
from django.test import Client

from distribution.models import Source
from distribution.tests.factories import OperatorFactory, SourceFactory, make_key
from leads.models import Contact
from minicrm import settings as shipped
from minicrm.tests.client import Api, api_with_key, refusal
from minicrm.tests.outages import seen
from minicrm.tests.people import sign_in

pytestmark = pytest.mark.django_db(transaction=True)

ON_SQLITE, ON_POSTGRESQL = pytest.mark.sqlite, pytest.mark.postgresql
RAISE = "DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{}'; END $$"


@contextlib.contextmanager
def failing_with(code):
    """Let PostgreSQL itself fail with a code in place of each INSERT and UPDATE."""

    def on_statement(execute, sql, params, many, context):
        if sql.lstrip().startswith(("INSERT", "UPDATE")):
            return execute(RAISE.format(code), None, False, context)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(on_statement):
        yield


@ON_POSTGRESQL
@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("53100", "storage_full"),  # disk full
        ("53200", "unavailable"),  # out of memory
        ("53300", "unavailable"),  # too many connections
        ("57P01", "unavailable"),  # shutdown by an administrator
        ("57P02", "unavailable"),  # another process crashed
        ("57P03", "unavailable"),  # starting up, shutting down, recovering
        ("57014", "unavailable"),  # statement timeout
        ("58030", "unavailable"),  # input or output failed
        ("25006", "read_only"),  # a standby
        ("XX001", "unavailable"),  # damaged data
    ],
)
def test_what_postgresql_cannot_do_is_503(sqlstate, code):
    api, visitor = api_with_key(can_manage=True), sign_in("supervisor")
    visitor.raise_request_exception = False
    with failing_with(sqlstate):
        response = api.post("sources/", {"name": "Demo"})
        posted = visitor.post("/sources/new/", {"name": "Demo", "is_active": "on"})
    assert refusal(response) == (503, code, {})
    assert int(response["Retry-After"]) >= 2
    assert "may or may not have been stored" in seen(posted)
    assert not Source.objects.exists()
    assert api.post("sources/", {"name": "Demo"}).status_code == 201


@ON_POSTGRESQL
def test_a_standby_answers_what_it_can():
    api, source = api_with_key(can_manage=True), SourceFactory()
    api.get("sources/")
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    refused = api.post("contacts/", {"source_id": source.pk, "external_id": "a"})
    read = api.get("sources/")
    connection.close()
    assert refusal(refused) == (503, "read_only", {})
    assert [each["id"] for each in read.json()] == [source.pk]
    assert api.post("contacts/", {"source_id": source.pk, "external_id": "a"}).status_code == 201


@ON_POSTGRESQL
def test_a_host_that_takes_connections_and_says_nothing():
    api = api_with_key()
    connection.close()
    config = connection.settings_dict
    before = {name: config[name] for name in ("HOST", "PORT", "OPTIONS")}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        options = {**config["OPTIONS"], "connect_timeout": 2}  # 3 as shipped; 2 is the least
        config.update(HOST="127.0.0.1", PORT=port, OPTIONS=options)
        started = time.monotonic()
        response = api.get("sources/")
        seconds = time.monotonic() - started
    config.update(before)
    connection.close()
    assert refusal(response) == (503, "unavailable", {})
    assert 1 < seconds < 20  # and not for ever


@ON_POSTGRESQL
def test_the_shipped_connection_notices_a_silent_host():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    parameters = connection.connection.info.get_parameters()
    assert {name: int(parameters[name]) for name in shipped.CONNECTION_LIMITS} == (
        shipped.CONNECTION_LIMITS
    )
    ours = socket.socket(fileno=connection.connection.fileno())
    try:
        if ours.family != socket.AF_UNIX:
            assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
            assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
    finally:
        ours.detach()


@contextlib.contextmanager
def no_room():
    """SQLite may not grow beyond the pages it has; those that are free are used up."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA page_count")
        pages = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        try:
            yield
        finally:
            cursor.execute("PRAGMA max_page_count = 1073741823")


@ON_SQLITE
def test_a_full_disk_loses_nothing_and_needs_no_restart():
    api, source, operator = api_with_key(), SourceFactory(), OperatorFactory(max_load=10_000)
    source.weights.create(operator=operator, weight=1)
    visitor = sign_in("supervisor")
    visitor.raise_request_exception = False
    acknowledged, refused = [], None
    with no_room():
        while refused is None:
            body = {"source_id": source.pk, "external_id": f"a-{len(acknowledged)}"}
            response = api.post("contacts/", body, headers={"Idempotency-Key": body["external_id"]})
            if response.status_code == 201:
                acknowledged.append(response.json()["id"])
            else:
                refused = response
            assert len(acknowledged) < 1000
        page = visitor.post("/sources/new/", {"name": "x" * 90, "is_active": "on"})
        assert visitor.get("/healthz").status_code == 200
    assert refusal(refused) == (503, "storage_full", {})
    assert refused["Retry-After"] == "30"
    assert page.status_code == 302 or "no room left" in seen(page)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        assert cursor.fetchall() == [("ok",)]
    assert sorted(Contact.objects.values_list("pk", flat=True)) == acknowledged
    operator.refresh_from_db()
    assert operator.current_load == len(acknowledged)
    again = api.post("contacts/", body, headers={"Idempotency-Key": body["external_id"]})
    assert again.status_code == 201
    assert "Idempotency-Replayed" not in again


@ON_SQLITE
def test_a_database_that_can_only_be_read():
    api, source = api_with_key(), SourceFactory()
    api.get("contacts/")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = on")
    response = api.post("contacts/", {"source_id": source.pk, "external_id": "a"})
    assert api.get("contacts/").json() == []
    connection.close()
    assert refusal(response) == (503, "read_only", {})
    assert not Contact.objects.exists()


# SQLite's file, on disks of our own ---------------------------------------------------------------


@pytest.fixture
def own_file(tmp_path):
    """A copy of the test's database, which the test may move and damage."""
    key, source = make_key(can_manage=True), SourceFactory(name="Demo")
    path = tmp_path / "own.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(path)])
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = str(path)
    yield path, Api(key), source
    connection.close()
    connection.settings_dict["NAME"] = before


def post(api, source, person):
    return api.post("contacts/", {"source_id": source.pk, "external_id": person})


@ON_SQLITE
def test_a_file_that_is_taken_away_and_put_back(own_file):
    path, api, source = own_file
    assert post(api, source, "before").status_code == 201
    away = path.with_name("away.sqlite3")
    connection.close()  # SQLite puts its journal into the file when the last connection ends
    assert post(api, source, "open").status_code == 201  # over a connection that stays
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.rename(away)
    gone = post(api, source, "meanwhile")
    page = Client(raise_request_exception=False).get("/accounts/login/")
    assert refusal(gone) == (503, "unavailable", {})
    assert "does not answer" in seen(page)
    assert not path.exists()  # an empty one would hide what has happened
    away.rename(path)
    assert post(api, source, "after").status_code == 201
    names = set(Contact.objects.values_list("lead__external_id", flat=True))
    assert names == {"before", "open", "after"}


@ON_SQLITE
def test_a_file_that_is_replaced_is_opened_anew(own_file):
    path, api, source = own_file
    backup = path.with_name("backup.sqlite3")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(backup)])
    assert post(api, source, "lost with the old file").status_code == 201
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for journal in path.parent.glob("own.sqlite3-*"):
        journal.unlink()
    backup.replace(path)
    assert post(api, source, "in the new file").status_code == 201
    connection.close()
    with contextlib.closing(connections["default"].copy()) as other, other.cursor() as cursor:
        cursor.execute("SELECT external_id FROM leads_lead")
        assert cursor.fetchall() == [("in the new file",)]


@ON_SQLITE
def test_a_file_that_is_no_database(own_file):
    path, api, source = own_file
    whole = path.with_name("whole.sqlite3")
    connection.close()
    shutil.copy(path, whole)
    path.write_bytes(b"not a database " * 1000)
    assert refusal(post(api, source, "a")) == (503, "unavailable", {})
    whole.replace(path)
    assert post(api, source, "a").status_code == 201


@ON_SQLITE
def test_a_folder_that_is_gone(own_file):
    path, api, source = own_file
    connection.close()
    moved = path.parent.with_name("moved")
    path.parent.rename(moved)
    assert refusal(post(api, source, "a")) == (503, "unavailable", {})
    moved.rename(path.parent)
    assert post(api, source, "a").status_code == 201


@ON_SQLITE
def test_another_process_that_holds_the_lock_too_long(own_file, short_pauses):
    path, api, source = own_file
    api.get("contacts/")
    hold = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN IMMEDIATE'); print(flush=True); input()"
    )
    command = [sys.executable, "-c", hold, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as other:
        other.stdout.readline()
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 20")
        assert refusal(post(api, source, "a")) == (503, "unavailable", {})
        assert api.get("contacts/").json() == []  # readers go on
        other.communicate(b"\n", timeout=30)
    assert post(api, source, "a").status_code == 201


def test_a_session_that_cannot_be_saved_after_the_view_is_503(monkeypatch):
    visitor = sign_in("viewer")
    visitor.raise_request_exception = False
    visitor.get("/")

    def fail(*args, **kwargs):
        raise OperationalError("the connection was lost")

    from django.contrib.sessions.backends.db import SessionStore

    monkeypatch.setattr(SessionStore, "save", fail)
    monkeypatch.setattr("django.conf.settings.SESSION_SAVE_EVERY_REQUEST", True)
    assert "does not answer" in seen(visitor.get("/"))


def test_a_body_of_an_answer_names_the_request_in_the_log(caplog):
    api = api_with_key(can_manage=True)

    def fail(execute, sql, params, many, context):
        raise OperationalError("the connection was lost")

    with connection.execute_wrapper(fail):
        response = api.get("sources/")
    assert json.loads(response.content)["request_id"] == response["X-Request-ID"]
    assert any("The database failed" in record.getMessage() for record in caplog.records)
