"""The request id is in every error answer, whatever broke, for people to read out."""

import re

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection
from django.http import Http404, HttpRequest
from django.template import TemplateSyntaxError
from django.test import Client, override_settings
from django.urls import path

from minicrm import error_pages, urls
from minicrm.request_id import HEADER
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

SHOWN = re.compile(
    r"""<p class="request-id[^>]*>\s*(?P<words>[^<]*?)\s*<code>(?P<id>[^<]*)</code>"""
)
WORDS = "If you report this, give this number:"


def fail(error):
    def view(request):
        raise error

    return view


urlpatterns = [
    *urls.urlpatterns,
    path("fail/400/", fail(SuspiciousOperation("x@example.com"))),
    path("fail/403/", fail(PermissionDenied())),
    path("fail/404/", fail(Http404())),
    path("fail/500/", fail(ValueError("x@example.com"))),
]
handler400, handler404, handler500 = urls.handler400, urls.handler404, urls.handler500


@pytest.fixture
def visitor():
    """Somebody signed in, whose errors are answered and not raised into the test."""
    client = sign_in("viewer")
    client.raise_request_exception = False
    with override_settings(ROOT_URLCONF=__name__):
        yield client


def shown_id(response):
    """Return the number that a page shows, with the words around it."""
    [found] = SHOWN.finditer(response.content.decode())
    return found["words"], found["id"]


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_error_page_shows_the_number_of_its_header(visitor, status):
    response = visitor.get(f"/fail/{status}/", headers={HEADER: "from-the-proxy"})
    assert response.status_code == status
    assert response[HEADER] == "from-the-proxy"
    assert shown_id(response) == (WORDS, "from-the-proxy")
    assert b"x@example.com" not in response.content


def test_expired_form_shows_it_too():
    client = Client(enforce_csrf_checks=True)
    response = client.post("/accounts/login/", {"username": "x"})
    assert response.status_code == 403
    assert shown_id(response)[1] == response[HEADER]


def test_an_id_made_up_to_break_the_page_is_not_shown(visitor):
    response = visitor.get("/fail/404/", headers={HEADER: "<script>alert(1)</script>"})
    assert re.fullmatch("[0-9a-f]{16}", shown_id(response)[1])


@pytest.mark.parametrize("path", ["/static/nothing.css", "/readyz", "/healthz", "/nothing/here"])
def test_answers_that_are_no_pages_have_the_header(path):
    response = Client().post(path)
    assert response.status_code in (404, 405)
    assert re.fullmatch("[0-9a-f]{16}", response[HEADER])


def test_page_for_500_asks_neither_the_database_nor_who_it_is_for(monkeypatch):
    def refuse(*args):
        raise AssertionError("asked the database")

    request = HttpRequest()
    request.META["minicrm.request_id"] = "some-id"
    with connection.execute_wrapper(refuse):
        for page in (error_pages.server_error(request), error_pages.bad_request(request, None)):
            assert shown_id(page) == (WORDS, "some-id")
            assert page["Cache-Control"] == "no-store"


@pytest.mark.parametrize("error", [TemplateSyntaxError("x"), OSError(5, "x"), ValueError("x")])
def test_broken_error_page_still_tells_the_number(monkeypatch, error):
    def broken(name):
        raise error

    monkeypatch.setattr(error_pages.loader, "get_template", broken)
    request = HttpRequest()
    request.META["minicrm.request_id"] = "some-id"
    response = error_pages.server_error(request)
    assert response.status_code == 500
    assert b"<h1>Something broke on our side</h1><p>some-id</p>" in response.content
