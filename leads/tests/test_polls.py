"""Polls of open pages: the short way knows but one answer, and only where the page gives it."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from distribution.tests.factories import OperatorFactory
from leads.overview.polls import PollMiddleware
from minicrm.request_facts import FACTS
from minicrm.tests.people import group_of, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

SHORT_WAY = f"{PollMiddleware.__module__}.{PollMiddleware.__qualname__}"
PAGES = [reverse("leads:overview"), reverse("leads:operators")]
HTMX = {"HX-Request": "true"}
NOON = "2030-05-01 12:00:10Z"


@pytest.fixture(autouse=True)
def _within_a_minute():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def long_way(settings):
    """Ask a page itself, as if there were no short way."""

    def ask(client, *args, **kwargs):
        everything = settings.MIDDLEWARE
        settings.MIDDLEWARE = [name for name in everything if name != SHORT_WAY]
        assert len(settings.MIDDLEWARE) == len(everything) - 1
        other = Client()
        other.cookies = client.cookies
        try:
            return other.get(*args, **kwargs)
        finally:
            settings.MIDDLEWARE = everything

    return ask


def seen_by(client, page):
    html = client.get(page).content.decode()
    return re.search(r'id="seen" name="seen" value="([^"]+)"', html)[1]


def has_right(user, name, *, has=True):
    app, codename = name.split(".")
    right = Permission.objects.get(content_type__app_label=app, codename=codename)
    (user.user_permissions.add if has else user.user_permissions.remove)(right)


def session_of(user):
    return next(
        one for one in Session.objects.all() if one.get_decoded()["_auth_user_id"] == str(user.pk)
    )


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("role", ["viewer", "supervisor", "administrator"])
def test_who_has_seen_all_is_told_so_with_one_query(page, role, long_way):
    client = sign_in(role)
    OperatorFactory()
    seen = seen_by(client, page)

    with CaptureQueriesContext(connection) as queries:
        response = client.get(page, {"seen": seen}, headers=HTMX)

    assert (response.status_code, response.content) == (204, b"")
    assert len(queries) == 1
    assert long_way(client, page, {"seen": seen}, headers=HTMX).status_code == 204


@pytest.mark.parametrize("page", PAGES)
def test_rights_count_wherever_they_come_from(page):
    """From a role above; here a superuser's, and one's own, of which one comes twice."""
    superuser, own = sign_in(username="demo-super"), sign_in(username="demo-own")
    User.objects.filter(pk=superuser.user.pk).update(is_superuser=True)
    has_right(own.user, "leads.view_contact")
    has_right(own.user, "distribution.view_operator")
    own.user.groups.add(group_of("viewer"))
    for client in (superuser, own):
        seen = seen_by(client, page)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page, {"seen": seen}, headers=HTMX).status_code == 204
        assert len(queries) == 1


def leaves(client):
    client.cookies.clear()


def signs_out(client):
    client.post(reverse("logout"))


def is_shut_out(client):
    User.objects.filter(pk=client.user.pk).update(is_active=False)


def is_deleted(client):
    client.user.delete()


def gets_another_password(client):
    client.user.set_password("another demo password")
    client.user.save()


def loses_the_role(client):
    client.user.groups.clear()


def whose_role_loses_rights(client):
    client.user.groups.get().permissions.clear()


def sees_more(client):
    has_right(client.user, "leads.see_personal_data")


def becomes_superuser(client):
    User.objects.filter(pk=client.user.pk).update(is_superuser=True)


def whose_session_is_over(client):
    Session.objects.update(expire_date=timezone.now())


def whose_session_is_gone(client):
    Session.objects.all().delete()


def whose_session_is_forged(client):
    row = session_of(client.user)
    Session.objects.filter(pk=row.pk).update(session_data=row.session_data[:-1] + "_")


def whose_session_is_nonsense(client):
    Session.objects.update(session_data="demo")


def whose_session_is_somebody_elses(client):
    other = sign_in("viewer", username="demo-other")
    User.objects.filter(pk=other.user.pk).update(password=client.user.password)
    other.force_login(User.objects.get(pk=other.user.pk))  # so the password alone tells nothing
    client.cookies = other.cookies


def whose_session_signed_nobody_in(client):
    session = client.session
    session.flush()
    session["searches"] = {}
    session.save()
    client.cookies["sessionid"] = session.session_key


def whose_backend_is_gone(client):
    session = client.session
    session["_auth_user_backend"] = "django.contrib.auth.backends.RemoteUserBackend"
    session.save()


def who_sends_an_odd_cookie(client):
    client.cookies["sessionid"] = "x" * 33


HAPPENED = [
    leaves,
    signs_out,
    is_shut_out,
    is_deleted,
    gets_another_password,
    loses_the_role,
    whose_role_loses_rights,
    sees_more,
    becomes_superuser,
    whose_session_is_over,
    whose_session_is_gone,
    whose_session_is_forged,
    whose_session_is_nonsense,
    whose_session_is_somebody_elses,
    whose_session_signed_nobody_in,
    whose_backend_is_gone,
    who_sends_an_odd_cookie,
]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("happened", HAPPENED, ids=lambda one: one.__name__)
def test_what_happens_to_somebody_counts_at_once(page, happened, long_way):
    client = sign_in("viewer")
    seen = seen_by(client, page)
    assert client.get(page, {"seen": seen}, headers=HTMX).status_code == 204

    happened(client)

    response = client.get(page, {"seen": seen}, headers=HTMX)
    assert response.status_code in (200, 302, 403)
    own = long_way(client, page, {"seen": seen}, headers=HTMX)
    assert (response.status_code, response.get("Location")) == (
        own.status_code,
        own.get("Location"),
    )


def test_one_right_of_two_is_not_enough(long_way):
    client = sign_in()
    has_right(client.user, "leads.view_contact")
    has_right(client.user, "distribution.view_operator")
    overview = reverse("leads:overview")
    seen = seen_by(client, overview)
    for name in ("leads.view_contact", "distribution.view_operator"):
        has_right(client.user, name, has=False)
        assert client.get(overview, {"seen": seen}, headers=HTMX).status_code == 403
        has_right(client.user, name)
        assert client.get(overview, {"seen": seen}, headers=HTMX).status_code == 204


def test_a_session_of_before_goes_the_long_way_and_lasts(settings):
    """Signed in with a key that was replaced since: Django takes it, and signs it anew."""
    client, page = sign_in("viewer"), PAGES[0]
    seen = seen_by(client, page)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 60, [settings.SECRET_KEY]

    assert client.get(page, {"seen": seen}, headers=HTMX).status_code == 204
    with CaptureQueriesContext(connection) as queries:
        assert client.get(page, {"seen": seen}, headers=HTMX).status_code == 204
    assert len(queries) == 1


def test_what_another_page_shows_is_no_poll(viewer):
    seen = seen_by(viewer, PAGES[0])
    for path in (reverse("leads:contacts"), "/nowhere/"):
        assert viewer.get(path, {"seen": seen}, headers=HTMX).status_code in (200, 404)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "odd", ["", "x", "\0", "9" * 5_000, "1-1-1", "-{pk}-0", "1-{pk}-2", "1-" + "9" * 18 + "-0"]
)
def test_an_odd_state_gets_the_page(viewer, page, odd):
    seen = odd.format(pk=viewer.user.pk)

    assert viewer.get(page, {"seen": seen}, headers=HTMX).status_code == 200


def test_a_browser_and_other_methods_get_what_the_page_answers(viewer):
    page = PAGES[0]
    seen = seen_by(viewer, page)

    assert viewer.get(page, {"seen": seen}).status_code == 200
    assert viewer.post(f"{page}?seen={seen}", headers=HTMX).status_code == 405


def test_the_minute_is_a_part_of_what_was_seen(viewer):
    seen = seen_by(viewer, PAGES[0])
    with time_machine.travel(timezone.now() + timedelta(minutes=1), tick=False):
        assert viewer.get(PAGES[0], {"seen": seen}, headers=HTMX).status_code == 200


def test_the_access_log_knows_who_asked_for_what(viewer, settings):
    settings.ACCESS_LOG = True
    client = Client()
    client.cookies = viewer.cookies
    seen = seen_by(client, PAGES[1])

    response = client.get(PAGES[1], {"seen": seen}, headers=HTMX)

    assert response.status_code == 204
    facts = response.wsgi_request.META[FACTS]
    assert (facts["route"], facts["user_id"]) == ("operators/", viewer.user.pk)


def test_another_users_page_is_not_ones_own(viewer):
    """Names, masks and buttons on it are for whoever it was made for."""
    other = sign_in("supervisor")
    seen = seen_by(viewer, PAGES[0])

    assert other.get(PAGES[0], {"seen": seen}, headers=HTMX).status_code == 200
