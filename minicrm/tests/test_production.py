"""With the settings of production: HTTPS alone, cookies of this host alone, Django's own checks."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from distribution.tests.factories import make_key
from leads.models import Contact
from minicrm.tests.client import checked, refusal
from minicrm.tests.people import PASSWORD, make_user
from minicrm.tests.production import production_settings, run

HOST, LOGIN, OVERVIEW = "crm.example.com", reverse("login"), reverse("leads:overview")
SECURE = {"Host": HOST, "X-Forwarded-Proto": "https", "Referer": f"https://{HOST}/"}
PLAIN = {"Host": HOST, "X-Forwarded-Proto": "http"}


@pytest.fixture
def production(settings):
    """Apply what a process in production loads; return a function that changes the environment."""

    def apply(**extra):
        for name in ("SECURE_PROXY_SSL_HEADER",):
            setattr(settings, name, None)
        for name, value in production_settings(**extra).items():
            setattr(settings, name, value)

    apply()
    return apply


@pytest.mark.any_database
def test_djangos_checks_for_deployment_find_nothing():
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("System check identified no issues (2 silenced).")


@pytest.mark.any_database
def test_the_checks_would_find_something():
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", HTTPS="off")

    assert done.returncode == 1
    assert {"security.W008", "security.W010", "security.W016"} <= set(
        re.findall(r"security\.W\d+", done.stderr)
    )


@pytest.mark.django_db
class TestHttps:
    """Where HTTPS is on, behind a proxy that says which requests came by it."""

    @pytest.fixture(autouse=True)
    def _production(self, production):
        pass

    @pytest.mark.parametrize("path", ["/", "/accounts/login/?next=/a", "/admin/", "/nothing"])
    def test_pages_are_sent_on_to_https(self, path):
        response = Client().get(path, headers=PLAIN)

        assert (response.status_code, response["Location"]) == (301, f"https://{HOST}{path}")
        assert "Strict-Transport-Security" not in response
        assert response.cookies == {}

    def test_static_files_are_sent_on_as_well(self):
        response = Client().get("/static/css/app.css", headers=PLAIN)

        assert response["Location"] == f"https://{HOST}/static/css/app.css"

    def test_the_api_refuses_what_comes_in_the_clear(self):
        key = {"Authorization": f"Bearer {make_key()}"}
        response = Client().post(
            "/api/v1/contacts/", b"{}", content_type="application/json", headers=PLAIN | key
        )

        assert refusal(checked(response)) == (403, "https_required", {})
        assert "https://" in response.json()["detail"]
        assert not Contact.objects.exists()

    @pytest.mark.parametrize("path", ["/api/v1/docs", "/api/v1/openapi.json", "/api/v1/nothing"])
    def test_so_do_its_other_addresses(self, path):
        assert refusal(checked(Client().get(path, headers=PLAIN)))[1] == "https_required"

    def test_over_https_the_api_answers(self):
        key = {"Authorization": f"Bearer {make_key()}"}

        assert checked(Client().get("/api/v1/sources/", headers=SECURE | key)).json() == []

    @pytest.mark.parametrize("path", ["/healthz", "/readyz"])
    def test_probes_need_no_https(self, path):
        response = Client().get(path, headers=PLAIN)

        assert (response.status_code, response.json()) == (200, {"status": "ok"})

    def test_so_does_the_scraper_of_metrics(self, settings):
        settings.METRICS_TOKEN = "demo-token-of-the-scraper"
        key = {"Authorization": f"Bearer {settings.METRICS_TOKEN}"}

        assert Client().get("/metrics", headers=PLAIN | key).status_code == 200

    def test_browsers_are_told_to_use_nothing_else_for_a_year(self):
        response = Client().get(LOGIN, headers=SECURE)

        assert response["Strict-Transport-Security"] == "max-age=31536000"

    def test_people_sign_in_with_cookies_that_no_neighbour_can_set(self):
        make_user("viewer", username="demo")
        browser = Client(enforce_csrf_checks=True)
        page = browser.get(LOGIN, headers=SECURE).content.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        data = {"username": "demo", "password": PASSWORD, "csrfmiddlewaretoken": token}
        response = browser.post(LOGIN, data, headers=SECURE)

        assert response.url == OVERVIEW
        assert set(response.cookies) == {"__Host-sessionid", "__Host-csrftoken"}
        for cookie in response.cookies.values():
            assert (cookie["path"], cookie["domain"]) == ("/", "")
            assert cookie["secure"]
            assert cookie["httponly"]
        assert browser.get(OVERVIEW, headers=SECURE).status_code == 200

    def test_a_form_from_another_site_is_refused_even_with_the_cookie(self):
        browser = Client(enforce_csrf_checks=True)
        page = browser.get(LOGIN, headers=SECURE).content.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        elsewhere = SECURE | {"Referer": "https://evil.example.com/"}
        response = browser.post(LOGIN, {"csrfmiddlewaretoken": token}, headers=elsewhere)

        assert response.status_code == 403
        assert response["X-Form-Expired"] == "true"

    @pytest.mark.parametrize(
        ("name", "data"), [("set_theme", {"theme": "dark"}), ("set_language", {"language": "ru"})]
    )
    def test_other_cookies_are_sent_by_https_alone_too(self, name, data):
        response = Client().post(reverse(name), data, headers=SECURE)
        [cookie] = response.cookies.values()

        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"


@pytest.mark.django_db
def test_without_a_proxy_its_header_is_a_claim(production):
    production(BEHIND_PROXY="off")

    assert Client().get(LOGIN, headers=SECURE).status_code == 301
    assert refusal(Client().get("/api/v1/sources/", headers=SECURE))[1] == "https_required"


@pytest.mark.any_database
def test_what_binds_other_hosts_is_for_who_runs_them():
    assert not production_settings()["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
    bound = production_settings(HSTS_SUBDOMAINS="on", HSTS_SECONDS="3600")

    assert bound["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
    assert bound["SECURE_HSTS_SECONDS"] == 3_600


@pytest.mark.any_database
def test_without_https_nothing_is_redirected_or_remembered():
    loaded = production_settings(HTTPS="off")

    assert not loaded["SECURE_SSL_REDIRECT"]
    assert loaded["SECURE_HSTS_SECONDS"] == 0
    assert "SESSION_COOKIE_NAME" not in loaded


@pytest.mark.any_database
@pytest.mark.parametrize("hours", ["0", "1.5", "8761"])
def test_sessions_end_some_day(hours):
    done = run("manage.py", "check", SESSION_HOURS=hours)

    assert done.returncode == 2
    assert "SESSION_HOURS must be a whole number from 1 to 8760" in done.stderr
