"""Pages while the database is gone: 503 in the caller's own form, and nothing is asked of it."""

import json
import sqlite3

import psycopg
import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.urls import include, path

from minicrm.failures import is_outage, problem_of
from minicrm.tests.client import Api, refusal
from minicrm.tests.every_page import DOWNLOADS, PAGES
from minicrm.tests.outages import database_gone, seen
from minicrm.tests.people import PASSWORD, make_user, sign_in
from minicrm.transactions import RunAgain

pytestmark = pytest.mark.django_db(transaction=True)

IDS = dict.fromkeys((name for page in PAGES for name in page.ids.values()), 1)
IDS |= {"job": "0" * 32, "finished_job": "0" * 32}
ADMIN = ["/admin/", "/admin/leads/contact/", "/admin/distribution/operator/1/change/"]


def fail_with(error):
    def view(request):
        raise error

    return view


handler500 = "minicrm.failures.server_error"
urlpatterns = [
    path("bug/", fail_with(ProgrammingError("on purpose"))),
    path("double/", fail_with(IntegrityError("on purpose"))),
    path("gone/", fail_with(OperationalError("on purpose"))),
    path("", include("minicrm.urls")),
]


@pytest.fixture
def visitor():
    """An administrator's browser, that shows errors as a server would."""
    client = sign_in("administrator")
    client.raise_request_exception = False
    return client


def test_every_page_says_that_the_database_is_gone(visitor):
    addresses = [page.path(IDS) for page in PAGES if page.signed_in] + ADMIN
    with database_gone():
        answers = {address: visitor.get(address) for address in addresses}
    for answer in answers.values():
        text = seen(answer)
        assert "The database does not answer at the moment." in text
        assert 'id="come-back"' in text
    assert len(answers) > 40


def test_downloads_and_signing_in_say_so_too(visitor):
    form = {"username": visitor.user.username, "password": PASSWORD}
    with database_gone():
        answers = [visitor.get("/contacts/export/")]
        visitor.cookies.clear()
        answers.append(visitor.post("/accounts/login/", form))
    assert len(DOWNLOADS) > 0
    texts = [seen(answer) for answer in answers]
    assert "may or may not have been stored" in texts[1]
    assert 'id="come-back"' not in texts[1]  # what was posted is not posted again
    assert "_auth_user_id" not in visitor.session
    assert visitor.post("/accounts/login/", form)["Location"] == "/"


def test_speaks_the_visitors_language_and_shows_their_theme(visitor):
    visitor.cookies["theme"] = "dark"
    with database_gone():
        russian = seen(visitor.get("/", headers={"Accept-Language": "ru"}))
        visitor.cookies["theme"] = '"><script>'
        english = seen(visitor.get("/"))
    assert '<html lang="ru" data-bs-theme="dark">' in russian
    assert '<html lang="en" >' in english


def test_a_background_request_gets_words_and_no_page(visitor):
    headers = {"HX-Request": "true", "HX-Target": "main#content"}
    with database_gone():
        answer = visitor.get("/?seen=x", headers=headers)
        posted = visitor.post("/operators/new/", {"name": "x"}, headers=headers)
    for each in (answer, posted):
        assert each.status_code == 503
        assert each["Retry-After"] == "2"
        assert each["Content-Type"] == "text/plain; charset=utf-8"
        assert each.content.decode().startswith("The database does not answer at the moment.")


def test_what_needs_no_database_goes_on(visitor):
    with database_gone():
        assert json.loads(visitor.get("/healthz").content) == {"status": "ok"}
        assert visitor.get("/readyz").status_code == 503
        visitor.cookies.clear()
        assert visitor.get("/")["Location"] == "/accounts/login/?next=/"


@pytest.mark.urls(__name__)
def test_our_own_mistakes_are_no_outage(visitor):
    for address in ("/bug/", "/double/"):
        answer = visitor.get(address)
        assert answer.status_code == 500
        assert "Retry-After" not in answer
    assert "The database does not answer" in seen(visitor.get("/gone/"))


def test_the_api_keeps_its_format_where_django_fails_before_it(visitor):
    api = Api("no-such-key-at-all")
    api.client.raise_request_exception = False
    with database_gone():
        response = api.get("sources/")
    assert refusal(response)[:2] in {(503, "unavailable"), (401, "unauthorized")}


def failure(kind, cause):
    error = kind("on purpose")
    error.__cause__ = cause
    return error


def sqlite_error(kind, code):
    cause = kind("on purpose")
    cause.sqlite_errorcode = code
    return cause


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OperationalError("server closed the connection"), "unavailable"),
        (InterfaceError("connection already closed"), "unavailable"),
        (RunAgain(), "unavailable"),
        (failure(OperationalError, psycopg.errors.DiskFull()), "storage_full"),
        (failure(OperationalError, psycopg.errors.TooManyConnections()), "unavailable"),
        (failure(OperationalError, psycopg.errors.QueryCanceled()), "unavailable"),
        (failure(InternalError, psycopg.errors.ReadOnlySqlTransaction()), "read_only"),
        (failure(InternalError, psycopg.errors.InFailedSqlTransaction()), None),
        (failure(ProgrammingError, psycopg.errors.UndefinedTable()), None),
        (IntegrityError("twice"), None),
        (ValueError("bug"), None),
    ]
    + [
        (failure(kind, sqlite_error(cause, number)), code)
        for kind, cause, number, code in [
            (OperationalError, sqlite3.OperationalError, sqlite3.SQLITE_FULL, "storage_full"),
            (OperationalError, sqlite3.OperationalError, 778, "unavailable"),  # IOERR_WRITE
            (OperationalError, sqlite3.OperationalError, 1032, "read_only"),  # READONLY_DBMOVED
            (DatabaseError, sqlite3.DatabaseError, sqlite3.SQLITE_CORRUPT, "unavailable"),
            (DatabaseError, sqlite3.DatabaseError, sqlite3.SQLITE_NOTADB, "unavailable"),
            (OperationalError, sqlite3.OperationalError, sqlite3.SQLITE_ERROR, None),
        ]
    ],
)
def test_tells_an_outage_from_a_mistake(error, code):
    assert is_outage(error) == (code is not None)
    if code:
        problem = problem_of(error)
        assert (problem.status, problem.code) == (503, code)
        assert int(problem.headers["Retry-After"]) > 0


def test_a_missing_table_is_a_mistake_of_ours():
    with pytest.raises(DatabaseError) as caught, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM no_such_table")
    assert not is_outage(caught.value)


def test_somebody_who_signs_in_again_after_the_outage_finds_their_session(visitor):
    with database_gone():
        assert visitor.get("/").status_code == 503
    assert visitor.get("/").status_code == 200
    assert make_user(username="demo-after").pk
