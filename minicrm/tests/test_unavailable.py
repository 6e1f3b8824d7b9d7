"""Errors that ask the caller to try again: 429 and 503, each with Retry-After."""

import contextlib
import json

import pytest
from django.db import connection, connections

from distribution.models import Operator
from distribution.tests.factories import SourceFactory, make_key
from leads.models import Contact
from minicrm.tests.client import PROBLEM, Api, api_with_key, refusal
from minicrm.tests.server import running_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other_connection():
    """A second connection to the same database."""
    other = connections["default"].copy()
    yield other
    other.close()


@contextlib.contextmanager
def contacts_locked(other):
    """Hold a lock that no contact can be stored under, and let requests wait for it but briefly."""
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 20" if sqlite else "SET lock_timeout = 20")
    other.ensure_connection()
    with other.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE" if sqlite else "BEGIN")
        if not sqlite:
            cursor.execute(f"LOCK TABLE {Contact._meta.db_table} IN ACCESS EXCLUSIVE MODE")
        yield
        cursor.execute("ROLLBACK")
    connection.close()  # the next one has the usual timeouts


def test_database_that_stays_locked(other_connection, short_pauses):
    api, source = api_with_key(), SourceFactory()
    api.get("contacts/")  # so that the key's last use need not be written
    body = {"source_id": source.pk, "external_id": "a"}
    with contacts_locked(other_connection):
        response = api.post("contacts/", body, headers={"Idempotency-Key": "once"})
    assert refusal(response) == (503, "unavailable", {})
    assert response["Retry-After"] == "2"
    assert not Contact.objects.exists()
    # Nothing was stored, the idempotency key neither: the same request succeeds now.
    again = api.post("contacts/", body, headers={"Idempotency-Key": "once"})
    assert again.status_code == 201
    assert "Idempotency-Replayed" not in again


@pytest.fixture
def database_gone():
    """The database's address leads nowhere."""
    connection.close()
    before = {name: connection.settings_dict[name] for name in ("NAME", "HOST", "PORT")}
    nowhere = {"NAME": "/nowhere/x.sqlite3", "HOST": "127.0.0.1", "PORT": "9"}
    connection.settings_dict.update(nowhere)
    yield
    connection.close()
    connection.settings_dict.update(before)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_database_that_is_gone(request, method):
    api = api_with_key(can_manage=True)
    request.getfixturevalue("database_gone")
    response = api.request(method, "operators/", raw=b'{"name": "x"}')
    assert refusal(response) == (503, "unavailable", {})
    assert response["Retry-After"] == "2"
    assert "request_id" in response.json()


def test_caller_without_a_key_learns_nothing_of_a_database_that_is_gone(database_gone):
    assert refusal(Api().get("operators/")) == (401, "unauthorized", {})


@pytest.mark.postgresql
def test_server_that_ends_the_connection(other_connection):
    api = api_with_key(can_manage=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    with other_connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    connection.health_check_done = True  # the connection dies just after it was found healthy
    response = api.post("operators/", {"name": "x"})
    assert refusal(response) == (503, "unavailable", {})
    connection.close()  # as the server does after each request that found it broken
    assert not Operator.objects.exists()
    assert api.post("operators/", {"name": "x"}).status_code == 201


@pytest.fixture(scope="module")
def server(django_db_setup):
    """A real server that lets each key ask three times a minute."""
    with running_server(workers=1, API_RATE_LIMIT="3/m", API_RATE_BURST="3") as server:
        yield server


def answer_of(server, method, path, authorization, body=None, **kwargs):
    """Return the server's answer, and what is in its body."""
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    with contextlib.closing(server.connect()) as client:
        client.request(method, path, body, headers, **kwargs)
        response = client.getresponse()
        return response, json.loads(response.read())


@pytest.mark.slow_on_postgresql
def test_rate_limit_counts_each_key_for_itself(server):
    def answer(authorization):
        return answer_of(server, "GET", "/api/v1/sources/", authorization)

    hasty, calm = f"Bearer {make_key()}", f"Bearer {make_key()}"
    assert [answer(hasty)[0].status for _ in range(3)] == [200] * 3
    refused, problem = answer(hasty)
    assert (refused.status, problem["code"], problem["status"]) == (429, "too_many_requests", 429)
    assert refused.headers["Content-Type"] == PROBLEM
    assert refused.headers["X-Request-ID"] == problem["request_id"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert "3/m" in problem["detail"]
    assert (answer(calm)[0].status, answer("Bearer x")[0].status) == (200, 401)


@pytest.mark.slow_on_postgresql
def test_chunked_body_is_refused_by_a_real_server(server):
    chunks, token = iter([b"{}"]), f"Bearer {make_key()}"
    response, problem = answer_of(
        server, "POST", "/api/v1/contacts/", token, chunks, encode_chunked=True
    )
    assert (response.status, problem["code"]) == (411, "length_required")
    assert response.headers["Content-Type"] == PROBLEM
