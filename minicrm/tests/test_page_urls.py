"""Signing in and out, the password, language, theme, and the pages for what goes wrong."""

import pytest
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.test import Client
from django.urls import path, reverse
from django.utils import translation

from distribution.models import AuditEvent
from minicrm.pages import THEME_COOKIE
from minicrm.tests.people import PASSWORD, make_user, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

LOGIN = reverse("login")
OVERVIEW = reverse("leads:overview")


@pytest.fixture(autouse=True)
def _own_language():
    """A request leaves its language behind; the next test shall not find it."""
    with translation.override("en"):
        yield


@pytest.fixture
def user():
    return make_user("viewer", username="demo")


@login_not_required
def broken(request):
    raise RuntimeError("on purpose")


urlpatterns = [path("broken/", broken)]


def test_signs_in_and_leads_to_the_overview(client, user):
    response = client.post(LOGIN, {"username": "demo", "password": PASSWORD})

    assert response.url == OVERVIEW
    assert client.get(OVERVIEW).context["user"] == user


def test_signs_in_and_leads_to_where_one_wanted_to_go(client, user):
    wanted = reverse("password_change")
    data = {"username": "demo", "password": PASSWORD, "next": wanted}

    assert client.post(LOGIN, data).url == wanted
    assert client.get(wanted).status_code == 200


def test_never_leads_to_another_site(client, user):
    data = {"username": "demo", "password": PASSWORD, "next": "https://example.com/"}

    assert client.post(LOGIN, data).url == OVERVIEW


def test_refuses_a_wrong_password(client, user):
    response = client.post(LOGIN, {"username": "demo", "password": "wrong"})

    assert 'role="alert"' in response.content.decode()
    assert not response.wsgi_request.user.is_authenticated


def test_who_is_signed_in_needs_no_sign_in_page(client, user):
    client.force_login(user)

    assert client.get(LOGIN).url == OVERVIEW


def test_signs_out_by_post_alone(client, user):
    client.force_login(user)

    refused = client.get(reverse("logout"))
    still_in = client.get(OVERVIEW)
    response = client.post(reverse("logout"))

    assert (refused.status_code, still_in.status_code) == (405, 200)
    assert response.url == LOGIN
    assert client.get(OVERVIEW).status_code == 302


def test_changes_the_password(client, user):
    client.force_login(user)
    new = "another long demo password"
    data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}

    response = client.post(reverse("password_change"), data)

    assert response.url == reverse("password_change_done")
    user.refresh_from_db()
    assert user.check_password(new)
    assert "The password is changed" in client.get(response.url).content.decode()


def test_changing_the_password_is_recorded_and_ends_other_sessions(client, user):
    elsewhere = Client()
    for browser in (client, elsewhere):
        browser.force_login(user)
    new = "another long demo password"
    data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}

    client.post(reverse("password_change"), data)

    event = AuditEvent.objects.get()
    assert (event.actor, event.object_id) == (f"user:{user.pk}", user.pk)
    assert event.after == {"password": "changed"}
    assert client.get(OVERVIEW).context["user"] == user
    assert elsewhere.get(OVERVIEW).url.startswith(LOGIN)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"old_password": "wrong"}, "Your old password was entered incorrectly"),
        ({"new_password2": "yet another password"}, "The two password fields"),
        ({"new_password1": "12345678", "new_password2": "12345678"}, "too common"),
    ],
)
def test_a_password_that_will_not_do_is_not_set(client, user, data, complaint):
    client.force_login(user)
    new = "another long demo password"
    good = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}

    response = client.post(reverse("password_change"), good | data)

    assert response.status_code == 422
    assert complaint in response.content.decode()
    assert user.password == User.objects.get().password
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("name", ["password_change", "password_change_done"])
def test_sends_visitors_to_the_sign_in_page(client, name):
    assert client.get(reverse(name)).url == f"{LOGIN}?next={reverse(name)}"


@pytest.mark.parametrize("signed_in", [True, False])
def test_changes_the_language(client, user, signed_in):
    if signed_in:
        client.force_login(user)

    response = client.post(reverse("set_language"), {"language": "ru", "next": LOGIN})

    assert response.url == LOGIN
    page = client.get(OVERVIEW, follow=True).content.decode()
    assert '<html lang="ru"' in page
    assert 'value="ru" lang="ru" aria-label="Русский" aria-pressed="true"' in " ".join(page.split())


@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize("secure", [True, False])
def test_keeps_the_theme(client, user, settings, signed_in, secure):
    settings.SESSION_COOKIE_SECURE = secure
    if signed_in:
        client.force_login(user)

    response = client.post(reverse("set_theme"), {"theme": "dark", "next": LOGIN + "?next=/a"})

    cookie = response.cookies[THEME_COOKIE]
    assert response.url == LOGIN + "?next=/a"
    assert (cookie.value, cookie["samesite"]) == ("dark", "Lax")
    assert (cookie["max-age"], bool(cookie["secure"])) == (31_536_000, secure)
    page = client.get(OVERVIEW, follow=True).content.decode()
    assert 'data-bs-theme="dark"' in page
    assert 'value="dark" aria-label="Dark" title="Dark" aria-pressed="true"' in " ".join(
        page.split()
    )


def test_a_theme_that_there_is_not_changes_nothing(client):
    response = client.post(
        reverse("set_theme"), {"theme": '"><script>', "next": "https://example.com/"}
    )

    assert response.url == OVERVIEW
    assert THEME_COOKIE not in response.cookies
    assert client.get(reverse("set_theme")).status_code == 405


def test_a_theme_in_a_forged_cookie_is_ignored(client):
    client.cookies[THEME_COOKIE] = "x"

    assert "data-bs-theme" not in client.get(LOGIN).content.decode()


@pytest.mark.parametrize("name", ["login", "set_language", "set_theme", "logout"])
def test_forms_are_protected_against_other_sites(user, name):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)

    response = client.post(reverse(name), {"language": "ru"})

    assert response.status_code == 403
    assert "The form is too old" in response.content.decode()
    assert client.get(OVERVIEW).context["user"] == user


def test_tells_that_there_is_nothing(client):
    response = client.get("/nothing")

    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


@pytest.mark.parametrize(
    ("role", "name", "reason"),
    [
        (None, "leads:operators", "You have no role yet."),
        (None, "distribution:users", "You have no role yet."),
        ("viewer", "leads:create_operator", "This is for supervisors. You are a viewer"),
        ("viewer", "distribution:keys", "This is for administrators. You are a viewer."),
        ("supervisor", "distribution:users", "This is for administrators. You are a supervisor."),
    ],
)
def test_says_who_may_do_what_was_refused(role, name, reason):
    client = sign_in(role)

    response = client.get(reverse(name), {"a": "b"})

    page = response.content.decode()
    assert response.status_code == 403
    assert reason in page
    assert f"Signed in as {client.user}" in page
    assert f'value="{LOGIN}?next={reverse(name)}%3Fa%3Db"' in page


def test_leads_from_a_refusal_to_another_account(viewer):
    wanted = reverse("distribution:keys")
    response = viewer.post(reverse("logout"), {"next": f"{LOGIN}?next={wanted}"})

    page = viewer.get(response.url).content.decode()

    assert "_auth_user_id" not in viewer.session
    assert f'name="next" value="{wanted}"' in page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_error_pages_keep_the_theme_and_the_language(viewer, theme):
    viewer.cookies[THEME_COOKIE] = theme
    viewer.cookies["django_language"] = "ru"

    for url in ("/nothing", reverse("distribution:keys")):
        page = viewer.get(url).content.decode()
        assert f'data-bs-theme="{theme}"' in page
        assert '<html lang="ru"' in page


def test_tells_that_something_broke_even_without_static_files(client, settings):
    settings.ROOT_URLCONF = __name__
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    }
    client.raise_request_exception = False

    response = client.get("/broken/")

    assert response.status_code == 500
    assert "Something broke on our side" in response.content.decode()
    assert "/static/css/app.css" in response.content.decode()
    assert "on purpose" not in response.content.decode()


def test_tells_that_a_host_is_unknown(client):
    response = client.get("/", headers={"Host": "example.com"})

    assert response.status_code == 400
    assert "This request cannot be understood" in response.content.decode()
