"""Sessions: what begins and what ends them, and what their cookies are like."""

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from distribution.rights import set_password, update_user
from minicrm.roles import Role
from minicrm.tests.people import PASSWORD, group_of, make_user, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

LOGIN, OVERVIEW = reverse("login"), reverse("leads:overview")
HTMX = {"HX-Request": "true", "HX-Target": "main#content"}


def asks_to_sign_in(response):
    return response.status_code == 302 and response.url.startswith(LOGIN)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_who_is_shut_out_is_out_at_the_next_click_and_poll(viewer, headers):
    assert viewer.get(OVERVIEW, headers=headers).status_code == 200
    update_user(viewer.user.pk, is_active=False, actor="test")

    assert asks_to_sign_in(viewer.get(OVERVIEW, {"seen": "1"}, headers=headers))
    assert asks_to_sign_in(viewer.post(reverse("password_change"), {}, headers=headers))


def test_a_poll_after_that_makes_the_page_ask_to_sign_in(viewer):
    update_user(viewer.user.pk, is_active=False, actor="test")
    response = viewer.get(OVERVIEW, {"seen": "1"}, headers=HTMX, follow=True)

    assert response["HX-Refresh"] == "true"


def test_the_admin_is_closed_to_who_is_shut_out(administrator):
    make_user("administrator", username="demo-other")
    page = reverse("admin:leads_contact_changelist")
    assert administrator.get(page).status_code == 200
    update_user(administrator.user.pk, is_active=False, actor="test")

    assert asks_to_sign_in(administrator.get(page))


def test_who_lost_a_role_loses_its_pages_at_the_next_click(supervisor):
    page = reverse("leads:create_operator")
    assert supervisor.get(page).status_code == 200
    group_of(Role.VIEWER)
    update_user(supervisor.user.pk, role=Role.VIEWER, actor="test")

    assert supervisor.get(page).status_code == 403


def test_who_lost_the_admin_loses_it_at_the_next_click(administrator):
    make_user("administrator", username="demo-other")
    group_of(Role.VIEWER)
    update_user(administrator.user.pk, role=Role.VIEWER, actor="test")

    response = administrator.get(reverse("admin:leads_contact_changelist"), follow=True)
    assert response.status_code == 403


def test_a_password_set_by_somebody_else_ends_all_sessions(viewer):
    elsewhere = Client()
    elsewhere.force_login(viewer.user)
    set_password(viewer.user.pk, "another long demo password", actor="test")

    assert asks_to_sign_in(viewer.get(OVERVIEW))
    assert asks_to_sign_in(elsewhere.get(OVERVIEW, headers=HTMX))


def test_signing_in_begins_another_session():
    """Whoever planted a session in somebody's browser does not get into theirs."""
    make_user("viewer", username="demo")
    browser = Client()
    session = browser.session
    session["planted"] = "yes"
    session.save()
    planted = browser.cookies[django_settings.SESSION_COOKIE_NAME].value
    token = browser.get(LOGIN).cookies["csrftoken"].value

    response = browser.post(LOGIN, {"username": "demo", "password": PASSWORD})

    assert browser.cookies[django_settings.SESSION_COOKIE_NAME].value != planted
    assert response.cookies["csrftoken"].value != token
    thief = Client()
    thief.cookies[django_settings.SESSION_COOKIE_NAME] = planted
    assert asks_to_sign_in(thief.get(OVERVIEW))


def test_signing_out_ends_the_session_on_our_side_too(viewer):
    key = viewer.cookies[django_settings.SESSION_COOKIE_NAME].value
    viewer.post(reverse("logout"))
    thief = Client()
    thief.cookies[django_settings.SESSION_COOKIE_NAME] = key

    assert asks_to_sign_in(thief.get(OVERVIEW))
    assert not Session.objects.filter(session_key=key).exists()


def test_cookies_are_for_us_alone_and_last_a_week():
    make_user("viewer", username="demo")
    browser = Client()
    browser.get(LOGIN)
    response = browser.post(LOGIN, {"username": "demo", "password": PASSWORD})

    for name in ("sessionid", "csrftoken"):
        cookie = response.cookies[name]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert (cookie["path"], cookie["domain"]) == ("/", "")
    assert response.cookies["sessionid"]["max-age"] == 7 * 24 * 60 * 60
    left = Session.objects.get().expire_date - timezone.now()
    assert 6.9 < left.total_seconds() / 86_400 <= 7


WAYS_OUT = [
    "https://example.com/",
    "//example.com/",
    "///example.com/",
    "/\\example.com/",
    "\\\\example.com/",
    "http:///example.com/",
    "javascript:alert(1)",
    " //example.com",
    "/\t/example.com/",
    "https:example.com",
    "//testserver@example.com/",
    "https://testserver.example.com/",
]


@pytest.mark.parametrize("wanted", WAYS_OUT)
@pytest.mark.parametrize("place", ["query", "form"])
def test_signing_in_leads_to_no_other_site(wanted, place):
    make_user("viewer", username="demo")
    data = {"username": "demo", "password": PASSWORD}
    url = reverse("login", query={"next": wanted}) if place == "query" else LOGIN
    response = Client().post(url, data | ({"next": wanted} if place == "form" else {}))

    assert response.url == OVERVIEW


@pytest.mark.parametrize("wanted", WAYS_OUT)
@pytest.mark.parametrize("name", ["logout", "set_language", "set_theme"])
def test_nothing_else_leads_to_another_site_either(wanted, name):
    client = sign_in("viewer")
    data = {"next": wanted, "language": "en", "theme": "dark"}

    assert client.post(reverse(name), data).url in (OVERVIEW, LOGIN)


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "options"])
def test_nobody_is_signed_out_but_by_a_post(viewer, method):
    assert getattr(viewer, method)(reverse("logout")).status_code == 405
    assert viewer.get(OVERVIEW).status_code == 200


BACK_HERE = [
    LOGIN,
    f"{LOGIN}?next={LOGIN}",
    f"{LOGIN}#form",
    f"http://testserver{LOGIN}",
    "?next=.",
    ".",
    "./../login/",
    "//example.com/",
    "//[",
]


@pytest.mark.parametrize("wanted", BACK_HERE)
def test_who_is_signed_in_is_not_sent_back_to_the_sign_in(viewer, wanted):
    assert viewer.get(LOGIN, {"next": wanted}).url == OVERVIEW
    assert viewer.post(LOGIN, {"next": wanted}).url == OVERVIEW


@pytest.mark.parametrize("wanted", BACK_HERE)
def test_signing_in_leads_on(wanted):
    make_user("viewer", username="demo")
    url = reverse("login", query={"next": wanted})
    assert Client().post(url, {"username": "demo", "password": PASSWORD}).url == OVERVIEW
