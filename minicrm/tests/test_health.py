"""/healthz and /readyz: for load balancers and monitors, without a key."""

import pytest
from django.db import connection
from django.test import Client

NOWHERE = {"NAME": "/nowhere/x.sqlite3", "HOST": "127.0.0.1", "PORT": "9"}


@pytest.fixture
def client():
    """Somebody who is not signed in and has no key."""
    return Client()


@pytest.fixture
def database_gone():
    """The database's address leads nowhere; call what this gives to have it back."""
    connection.close()
    before = {name: connection.settings_dict[name] for name in NOWHERE}

    def back():
        connection.close()
        connection.settings_dict.update(before)

    connection.settings_dict.update(NOWHERE)
    yield back
    back()


def test_healthz_asks_no_database(client):
    # Without the mark django_db, any query would fail the test.
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db(transaction=True)
def test_healthz_is_well_while_the_database_is_gone(client, database_gone):
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_is_well_with_all_migrations_applied(client):
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_is_not_ready_while_a_migration_is_missing(client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'leads'")
        missing = cursor.rowcount
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response["Retry-After"] == "2"
    assert response.json() == {
        "status": "unavailable",
        "detail": f"{missing} migrations are not applied; run manage.py migrate.",
    }


@pytest.mark.django_db(transaction=True)
def test_readyz_is_not_ready_while_the_database_is_gone(client, database_gone):
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response["Retry-After"] == "2"
    assert response.json() == {
        "status": "unavailable",
        "detail": "The database does not answer.",
    }
    database_gone()  # and back
    assert client.get("/readyz").json() == {"status": "ok"}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_answers_are_not_cached_and_have_an_id(client, path):
    response = client.get(path)
    assert "no-store" in response["Cache-Control"]
    assert response["Content-Type"] == "application/json"
    assert response["X-Request-ID"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_methods(client, path):
    assert (client.head(path).status_code, client.head(path).content) == (200, b"")
    refused = client.post(path)
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")
