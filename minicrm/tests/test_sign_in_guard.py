"""Guessing passwords: each further failure makes the next try wait, and nobody is shut out long."""

import logging
from datetime import timedelta

import pytest
import time_machine
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from distribution.tests.concurrency import run_together
from minicrm.sign_in_guard import FAILURE, FOR_ADDRESS, FOR_NAME, ask_to_try, forgive
from minicrm.signing_in import wait_text
from minicrm.tests.people import PASSWORD, make_user, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

LOGIN = reverse("login")
WRONG = "Correct-horse-battery"


@pytest.fixture
def clock():
    with time_machine.travel("2030-01-01 12:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def user():
    return make_user("viewer", username="demo")


def attempt(password=WRONG, *, name="demo", address="203.0.113.7", **headers):
    """Return the answer to a try from a browser without any cookie."""
    data = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post(LOGIN, data, headers=headers)


def fail(times, **kwargs):
    for _ in range(times):
        assert attempt(**kwargs).status_code == 200


def signs_in(**kwargs):
    return attempt(PASSWORD, **kwargs).status_code == 302


def test_the_sixth_try_is_told_how_long_to_wait(user, clock):
    fail(5)
    response = attempt()
    page = response.content.decode()

    assert response.status_code == 429
    assert response["Retry-After"] == "10"
    assert "There were too many failed attempts. Wait 10 seconds, then try again." in page
    assert 'value="demo"' in page
    assert WRONG not in page
    clock.shift(7.5)
    assert attempt()["Retry-After"] == "3"


def test_the_right_password_waits_too_and_then_works(user, clock):
    fail(5)
    assert not signs_in()
    clock.shift(10)
    assert signs_in()


def test_the_wait_doubles_up_to_five_minutes(user, clock):
    fail(5)
    waits = []
    for _ in range(8):
        waits.append(int(attempt()["Retry-After"]))
        clock.shift(waits[-1])
        fail(1)

    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]


def test_asking_again_while_waiting_costs_nothing(user, clock):
    fail(5)
    for _ in range(9):
        assert attempt().status_code == 429
        clock.shift(1)
    clock.shift(1)
    assert signs_in()


def test_signing_in_forgets_the_failures(user, clock):
    fail(4)
    assert signs_in()
    fail(5)
    assert attempt().status_code == 429


def test_an_hour_without_failures_forgets_them(user, clock):
    fail(5)
    clock.shift(timedelta(hours=1))
    fail(5)
    assert attempt().status_code == 429


def test_who_guesses_does_not_keep_the_user_out_elsewhere(user, clock):
    make_user("viewer", username="other")
    fail(5)

    assert attempt().status_code == 429
    assert signs_in(address="203.0.113.8")
    assert signs_in(name="other")


def test_an_address_may_fail_fifty_times_whatever_the_names(user, clock):
    for number in range(50):
        fail(1, name=f"demo-{number}")
    response = attempt(PASSWORD)

    assert (response.status_code, response["Retry-After"]) == (429, "10")
    assert signs_in(address="203.0.113.8")
    clock.shift(10)
    assert signs_in()


def test_an_address_never_waits_longer_than_a_minute(user, clock):
    for number in range(50):
        fail(1, name=f"demo-{number}")
    waits = []
    for number in range(8):
        waits.append(int(attempt(name="nobody")["Retry-After"]))
        clock.shift(waits[-1])
        fail(1, name=f"more-{number}")

    # One is forgotten each minute, so that it goes on with one try a minute.
    assert waits == [10, 20, 40, 40, 60, 60, 60, 60]


@pytest.mark.parametrize(("seconds", "slip"), [(60, 12), (20, 3), (7, 9)])
@pytest.mark.thorough
def test_slips_of_a_whole_day_do_not_add_up(clock, rf, seconds, slip):
    """An office: somebody signs in every so often, and now and then a name is mistyped."""
    request = rf.get("/", REMOTE_ADDR="203.0.113.7")
    for number in range(720):
        name = f"demo-{number % 12}"
        assert ask_to_try(request, name) == 0, number
        forgive(request, name)
        if number % slip == 0:
            assert ask_to_try(request, f"mistyped-{number}") == 0, number
        clock.shift(seconds)
    assert not AccessAttempt.objects.filter(failures_since_start__gt=3 * FAILURE).exists()


def test_an_address_that_guesses_gets_one_try_a_minute(clock, rf):
    request, tries = rf.get("/", REMOTE_ADDR="203.0.113.7"), 0
    for _ in range(2 * 60 * 60 // 5):  # it asks every five seconds, and each wait is so many
        tries += ask_to_try(request, f"demo-{tries}") == 0
        clock.shift(5)
    assert 50 + 2 * 60 <= tries <= 50 + 2 * 60 + 5


def test_a_password_of_ones_own_does_not_buy_guesses_of_others(user, clock):
    for number in range(50):
        fail(1, name=f"demo-{number}")
        if number % 10 == 9 and number < 49:
            assert signs_in()

    assert attempt(name="nobody").status_code == 429


def test_a_network_of_ipv6_counts_as_one_address(user, clock):
    for number in range(5):
        fail(1, address=f"2001:db8::{number}")

    assert attempt(address="2001:db8::ffff:1").status_code == 429
    assert signs_in(address="2001:db8:0:1::1")


def test_behind_a_proxy_the_address_is_what_the_proxy_says(user, clock, settings):
    settings.BEHIND_PROXY = True
    for number in range(5):
        forged = f"198.51.100.{number}, 203.0.113.7"
        assert attempt(address="127.0.0.1", X_Forwarded_For=forged).status_code == 200

    assert attempt(address="127.0.0.1", X_Forwarded_For="203.0.113.7").status_code == 429
    assert signs_in(address="127.0.0.1", X_Forwarded_For="203.0.113.7, 203.0.113.8")


def test_without_a_proxy_the_header_is_a_claim(user, clock):
    for number in range(5):
        fail(1, X_Forwarded_For=f"198.51.100.{number}")

    assert attempt(X_Forwarded_For="198.51.100.9").status_code == 429


def test_the_wait_is_told_in_russian(user, clock):
    fail(5)
    assert 'lang="ru"' in attempt(Accept_Language="ru").content.decode()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second,"), (60, "60 seconds,"), (61, "2 minutes,"), (300, "5 minutes,")],
)
def test_tells_seconds_and_minutes(seconds, words):
    assert words in wait_text(seconds)


@pytest.mark.django_db(transaction=True)
def test_many_guesses_at_once_get_no_more_tries():
    make_user("viewer", username="demo")
    answers = run_together([lambda: attempt().status_code] * 16)

    assert sorted(answers) == [200] * 5 + [429] * 11


def test_delays_grow_and_stay_bounded():
    for patience in (FOR_NAME, FOR_ADDRESS):
        delays = [patience.delay(failures) for failures in range(5_000)]
        assert delays == sorted(delays)
        assert delays[patience.free - 1] == timedelta()
        assert delays[patience.free] == timedelta(seconds=10)
        assert delays[-1] == patience.longest


# One door -------------------------------------------------------------------------------------


def test_the_admin_has_no_door_of_its_own(clock):
    boss = make_user("administrator", username="demo")
    inside = reverse("admin:leads_contact_changelist")
    login = reverse("admin:login")

    assert Client().get(inside).url == f"{LOGIN}?next={inside}"
    assert Client().get(login, {"next": inside}).url == f"{LOGIN}?next={inside}"
    data = {"username": "demo", "password": PASSWORD, "next": inside}
    assert Client().post(login, data).url == f"{LOGIN}?next={reverse('admin:index')}"
    browser = Client()
    browser.force_login(boss)
    assert browser.get(login).url == reverse("admin:index")


@pytest.mark.parametrize("wanted", ["//example.com/", "https://example.com/", "/\\example.com"])
def test_the_admins_door_leads_to_no_other_site(wanted):
    url = Client().get(reverse("admin:login"), {"next": wanted}).url
    assert url == f"{LOGIN}?next={reverse('admin:index')}"


def test_who_may_not_use_the_admin_is_not_sent_in_circles(viewer):
    response = viewer.get(reverse("admin:index"), follow=True)

    assert response.status_code == 403
    assert "You may not do this" in response.content.decode()


def test_the_admins_password_page_is_ours(administrator):
    url = administrator.get(reverse("admin:password_change")).url
    assert url == reverse("password_change")


def test_guessing_the_old_password_waits_as_well(clock):
    client, new = sign_in("viewer", username="demo"), "another long demo password"

    def change(old):
        data = {"old_password": old, "new_password1": new, "new_password2": new}
        return client.post(reverse("password_change"), data)

    assert [change(WRONG).status_code for _ in range(5)] == [422] * 5
    refused = change(PASSWORD)
    assert (refused.status_code, refused["Retry-After"]) == (429, "10")
    assert "Wait 10 seconds" in refused.content.decode()
    assert User.objects.get().check_password(PASSWORD)
    clock.shift(10)
    assert change(PASSWORD).status_code == 302
    assert not AccessAttempt.objects.exclude(username="").exists()


def test_a_new_password_that_will_not_do_is_no_guess(clock):
    client = sign_in("viewer", username="demo")
    data = {"old_password": PASSWORD, "new_password1": "a", "new_password2": "b"}

    for _ in range(9):
        assert client.post(reverse("password_change"), data).status_code == 422


# Who is there ---------------------------------------------------------------------------------


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password was hashed, which is what signing in spends its time with."""

    calls = 0

    def encode(self, password, salt):
        CountingHasher.calls += 1
        return super().encode(password, salt)


@pytest.mark.parametrize("name", ["demo", "nobody", "gone"])
def test_an_unknown_name_looks_and_takes_as_long_as_a_known_one(settings, name, clock):
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    make_user("viewer", username="demo")
    gone = make_user("viewer", username="gone")
    gone.is_active = False
    gone.save()
    CountingHasher.calls = 0

    page = attempt(name=name).content.decode()

    assert CountingHasher.calls == 1
    assert "Please enter a correct username and password" in page
    fail(4, name=name)
    assert attempt(name=name)["Retry-After"] == "10"


# What is kept ---------------------------------------------------------------------------------


def everything_kept():
    return [list(row) for row in AccessAttempt.objects.values_list()]


def test_neither_names_nor_passwords_are_kept_or_logged(user, clock, caplog):
    caplog.set_level(logging.DEBUG)
    fail(6 - 1)
    attempt()
    attempt(name=WRONG)  # typed into the wrong field
    signs_in(address="203.0.113.9")

    kept = repr(everything_kept()) + "\n".join(record.getMessage() for record in caplog.records)
    assert WRONG not in kept
    assert "'demo'" not in kept
    assert PASSWORD not in kept
    assert AccessAttempt.objects.count() == 3  # two names and the address
    assert not AccessLog.objects.exists()
    assert not AccessFailureLog.objects.exists()


def test_what_is_kept_is_gone_after_an_hour(user, clock):
    for number in range(30):
        fail(1, name=f"demo-{number}", address=f"203.0.113.{number}")
    assert AccessAttempt.objects.count() == 60
    clock.shift(timedelta(hours=1))
    fail(1)
    assert AccessAttempt.objects.count() == 2


@pytest.mark.parametrize(
    "command", [["axes_reset"], ["axes_reset_username", "demo"], ["axes_reset_ip", "203.0.113.7"]]
)
def test_commands_end_the_wait(user, clock, command, capsys):
    fail(5)
    assert not signs_in()
    call_command(*command)
    assert signs_in()


def test_a_name_that_is_reset_leaves_others_waiting(user, clock, capsys):
    make_user("viewer", username="other")
    fail(5)
    call_command("axes_reset_username", "other")
    assert not signs_in()


def test_a_password_set_by_an_administrator_lets_in_at_once(user, clock, administrator):
    fail(5)
    new = "another long demo password"
    data = {"new_password1": new, "new_password2": new}
    administrator.post(reverse("distribution:set_password", args=[user.pk]), data)

    assert attempt(new).status_code == 302


def test_a_clock_that_was_set_back_keeps_nobody_out_longer(user, clock, rf):
    fail(5)
    clock.shift(-timedelta(days=300))
    request = rf.get("/", REMOTE_ADDR="203.0.113.7")
    assert ask_to_try(request, "demo") == 10
