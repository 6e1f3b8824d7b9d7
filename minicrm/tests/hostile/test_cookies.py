"""No cookie breaks a page, or lets anybody in."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from minicrm.sessions import SessionStore
from minicrm.tests.choosing import every
from minicrm.tests.hostile.case import shown
from minicrm.tests.hostile.cookies import NAMES, VALUES

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

LOGIN = reverse("login")


def ask(method, path, cookies):
    visitor = Client(raise_request_exception=False)
    return visitor.generic(method, path, headers={"Cookie": cookies.encode().decode("latin-1")})


@pytest.mark.parametrize("name", every(2, NAMES))
@pytest.mark.parametrize("value", VALUES, ids=shown)
def test_a_stranger_stays_one_whatever_a_cookie_says(name, value):
    cookie = f"{name}={value}"
    wall = ask("GET", "/", cookie)
    assert (wall.status_code, wall.url) == (302, f"{LOGIN}?next=/")
    page = ask("GET", LOGIN, cookie)
    assert page.status_code == 200
    assert b'name="password"' in page.content
    assert ask("GET", "/no-such-page/", cookie).status_code in (302, 404)
    assert ask("POST", LOGIN, cookie).status_code in (200, 403)
    assert not Session.objects.exists()


@pytest.mark.parametrize("value", VALUES, ids=shown)
def test_a_cookie_beside_the_own_does_no_harm(viewer, value):
    own = viewer.cookies["sessionid"].value
    others = "; ".join(f"{name}={value}" for name in NAMES if name != "sessionid")
    assert ask("GET", "/", f"sessionid={own}; {others}").status_code == 200


def test_only_our_own_numbers_are_asked_for(django_assert_num_queries):
    mine = SessionStore()
    mine.create()
    assert SessionStore(mine.session_key).session_key == mine.session_key
    with django_assert_num_queries(0):
        for key in [
            "abcdefgh",
            "a" * 31,
            "a" * 33,
            "A" * 32,
            "a" * 31 + "\0",
            "a" * 32 + "\n",
            "",
            None,
        ]:
            assert SessionStore(key).session_key is None
