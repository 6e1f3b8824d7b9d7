"""Headers against what browsers would do for strangers: on every kind of answer there is."""

import pytest
from django.contrib.auth.decorators import login_not_required
from django.test import Client
from django.urls import include, path, reverse

from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@login_not_required
def broken(request):
    raise RuntimeError("on purpose")


urlpatterns = [path("broken/", broken), path("", include("minicrm.urls"))]


@pytest.fixture(autouse=True)
def _urls(settings):
    settings.ROOT_URLCONF = __name__
    settings.WHITENOISE_USE_FINDERS = True  # nothing is collected


def client_of(role):
    client = sign_in(role) if role else Client()
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize(
    ("role", "url", "status", "headers"),
    [
        (None, "/accounts/login/", 200, {}),
        (None, "/", 302, {}),
        ("viewer", "/", 200, {}),
        ("viewer", "/contacts/export/", 200, {}),
        ("administrator", "/admin/", 200, {}),
        ("administrator", "/admin/leads/contact/", 200, {}),
        ("administrator", "/admin/nothing/", 404, {}),
        (None, "/api/v1/docs", 200, {}),
        (None, "/api/v1/openapi.json", 200, {}),
        (None, "/api/v1/sources/", 401, {}),
        (None, "/api/v1/nothing", 404, {}),
        (None, "/api/v1/sources/", 400, {"Host": "evil.example.com"}),
        (None, "/api/v1/sources/", 411, {"Transfer-Encoding": "chunked"}),
        (None, "/", 400, {"Host": "evil.example.com"}),
        ("viewer", "/users/", 403, {}),
        (None, "/nothing", 404, {}),
        (None, "/broken/", 500, {}),
        (None, "/healthz", 200, {}),
        (None, "/metrics", 404, {}),
        (None, "/static/css/app.css", 200, {}),
        (None, "/static/ninja/swagger-ui.css", 200, {}),
    ],
)
def test_every_answer_has_them(role, url, status, headers):
    response = client_of(role).get(url, headers=headers)

    assert response.status_code == status
    assert {name: response.get(name) for name in EXPECTED} == EXPECTED
    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "*" not in policy
    for directive in ("frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"):
        assert directive in policy
    assert "camera=()" in response["Permissions-Policy"]
    assert response["X-Request-ID"]
    assert "Server" not in response


def test_forms_that_are_too_old_have_them_too():
    client = Client(enforce_csrf_checks=True)
    response = client.post("/accounts/login/", {})

    assert response.status_code == 403
    assert {name: response.get(name) for name in EXPECTED} == EXPECTED
    assert "default-src 'self'" in response["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("url", "status", "words"),
    [("/nothing", 404, "Using the URLconf defined in"), ("/broken/", 500, "Traceback")],
)
def test_the_pages_that_django_shows_developers_have_them_too(url, status, words, settings):
    """They are plainer for it, as their styles are in the page; nothing is missing from them."""
    settings.DEBUG = True
    response = client_of(None).get(url)

    assert response.status_code == status
    assert words in response.content.decode()
    assert {name: response.get(name) for name in EXPECTED} == EXPECTED
    assert "default-src 'self'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("role", "url"),
    [
        (None, "/accounts/login/"),
        (None, "/"),
        ("viewer", "/"),
        ("viewer", "/contacts/"),
        ("viewer", "/leads/"),
        ("viewer", "/contacts/export/"),
        ("viewer", "/users/"),
        ("viewer", "/nothing"),
        ("administrator", "/keys/"),
        ("administrator", "/admin/leads/lead/"),
        (None, "/api/v1/sources/"),
        (None, "/healthz"),
    ],
)
def test_no_cache_keeps_an_answer(role, url):
    assert "no-store" in client_of(role).get(url)["Cache-Control"]


def test_the_size_of_a_compressed_page_tells_nothing(viewer):
    """BREACH: the token differs in each answer, and so does the length."""
    pages = [viewer.get("/", headers={"Accept-Encoding": "gzip"}) for _ in range(12)]

    assert {page["Content-Encoding"] for page in pages} == {"gzip"}
    assert len({len(page.content) for page in pages}) > 3


def test_htmx_evaluates_nothing_and_asks_no_other_site(viewer):
    page = viewer.get(reverse("leads:overview")).content.decode()

    assert '"mode": "same-origin"' in page
    assert "hx-on" not in page
    assert "js:" not in page
    assert "javascript:" not in page
