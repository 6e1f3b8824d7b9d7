"""The pages of users and their roles."""

import contextlib
import threading

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from distribution import rights
from distribution.models import AuditEvent
from distribution.rights import RightsRefused, update_user
from distribution.tests.concurrency import run_together
from minicrm.roles import Role, role_of
from minicrm.tests.pages import queries_of, said
from minicrm.tests.people import PASSWORD, can_sign_in, group_of, make_user, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

USERS = reverse("distribution:users")
NEW = reverse("distribution:create_user")
OTHER_PASSWORD = "another long demo password"
HTMX = {"HX-Request": "true"}


def edit_url(user):
    return reverse("distribution:edit_user", args=[user.pk])


def password_url(user):
    return reverse("distribution:set_password", args=[user.pk])


def new_user(**changes):
    data = {"username": "demo-anna", "role": "supervisor"}
    return data | {"password1": OTHER_PASSWORD, "password2": OTHER_PASSWORD} | changes


def new_password(password=OTHER_PASSWORD):
    return {"new_password1": password, "new_password2": password}


@pytest.fixture(autouse=True)
def _roles():
    for role in Role:
        group_of(role)


@pytest.fixture
def anna():
    return make_user("viewer", username="demo-anna")


@pytest.fixture
def superuser():
    return User.objects.create_superuser("demo-superuser", password=PASSWORD)


# The list -------------------------------------------------------------------------------------


def test_lists_users_with_their_roles(administrator, anna, superuser):
    User.objects.create_user("demo-none", is_active=False)

    rows = administrator.get(USERS).context["rows"]

    assert [(user.username, role) for user, role in rows] == [
        ("demo-administrator", Role.ADMINISTRATOR), ("demo-anna", Role.VIEWER),
        ("demo-none", None), ("demo-superuser", Role.ADMINISTRATOR),
    ]  # fmt: skip


def test_the_list_takes_as_many_queries_for_many_users(administrator):
    make_user("viewer", username="demo-0")
    few = queries_of(administrator, USERS)
    for number in range(1, 60):
        make_user("viewer", username=f"demo-{number}")

    assert queries_of(administrator, USERS) == few <= 10
    pages = [administrator.get(USERS, {"page": number}).context["rows"] for number in (1, 2)]
    assert len({user.username for rows in pages for user, _role in rows}) == 61


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "\0", "x"])
def test_a_page_that_there_is_not_is_no_error(administrator, number):
    assert administrator.get(USERS, {"page": number}).context["rows"]


@pytest.mark.parametrize("role", [None, "viewer", "supervisor"])
def test_only_administrators_see_and_change_users(role, anna):
    client, before = sign_in(role), list(User.objects.order_by("pk").values())

    answers = [client.get(url) for url in (USERS, NEW, edit_url(anna), password_url(anna))]
    answers += [
        client.post(NEW, new_user(username="x")),
        client.post(edit_url(anna), {"role": "administrator", "is_active": "on"}),
        client.post(password_url(anna), new_password()),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert list(User.objects.order_by("pk").values("password", "is_staff")) == [
        {"password": one["password"], "is_staff": one["is_staff"]} for one in before
    ]
    assert role_of(anna) == Role.VIEWER


def test_strangers_are_sent_to_sign_in(anna):
    for url in (USERS, NEW, edit_url(anna), password_url(anna)):
        assert Client().post(url, new_password()).url == f"{reverse('login')}?next={url}"
    assert User.objects.get().check_password(PASSWORD)


def test_wrong_methods_are_refused(administrator, anna):
    assert administrator.post(USERS).status_code == 405
    for url in (NEW, edit_url(anna), password_url(anna)):
        assert administrator.put(url).status_code == 405


@pytest.mark.parametrize("name", ["edit_user", "set_password"])
@pytest.mark.parametrize("pk", [9_999, 2**63])
def test_a_user_who_is_not_there(administrator, name, pk):
    url = reverse(f"distribution:{name}", args=[pk])

    assert administrator.get(url).status_code == 404
    assert administrator.post(url, {"role": "viewer"} | new_password()).status_code == 404


# Adding ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_adds_a_user_in_a_role(administrator, role, headers):
    response = administrator.post(NEW, new_user(role=role), headers=headers)

    user = User.objects.get(username="demo-anna")
    assert response.url == USERS
    assert said(response) == ["demo-anna was added."]
    assert role_of(user) == role
    assert (user.is_staff, user.is_superuser) == (role == Role.ADMINISTRATOR, False)
    assert can_sign_in("demo-anna", OTHER_PASSWORD)
    event = AuditEvent.objects.get()
    assert (event.actor, event.object_id) == (f"user:{administrator.user.pk}", user.pk)
    assert event.after["groups"] == [role]
    assert OTHER_PASSWORD not in str(event.after)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"username": "DEMO-Administrator"}, "A user with that username already exists."),
        ({"username": "a b"}, "Enter a valid username"),
        ({"username": "\0"}, "Null characters are not allowed"),
        ({"role": "superuser"}, "is not one of the available choices"),
        ({"role": ""}, "This field is required"),
        ({"password2": "differs a lot"}, "The two password fields"),
        ({"password1": "12345678", "password2": "12345678"}, "too common"),
    ],
)
def test_a_user_who_will_not_do_is_not_added(administrator, changes, complaint):
    response = administrator.post(NEW, new_user(**changes))

    assert response.status_code == 422
    page = response.content.decode()
    assert complaint in page.replace("didn’t", "did not")
    assert OTHER_PASSWORD not in page
    assert User.objects.count() == 1


def test_a_name_that_is_taken_meanwhile_is_refused(administrator, monkeypatch):
    form = "distribution.forms.users.CreateUserForm"
    monkeypatch.setattr(f"{form}.clean_username", lambda form: form.cleaned_data["username"])
    monkeypatch.setattr(f"{form}.validate_unique", lambda form: None)

    response = administrator.post(NEW, new_user(username="demo-administrator"))

    assert response.status_code == 409
    assert "already exists" in response.content.decode()
    assert User.objects.count() == 1


def test_the_form_says_what_each_role_may_do(administrator):
    page = administrator.get(NEW).content.decode()

    assert "Viewer: looks at everything" in page
    assert "Administrator: also makes keys" in page


# Roles and access -----------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_gives_another_role(administrator, anna, headers):
    other_group = Group.objects.create(name="Night shift")
    anna.groups.add(other_group)
    data = {"role": "administrator", "is_active": "on"}

    response = administrator.post(edit_url(anna), data, headers=headers)

    anna = User.objects.get(pk=anna.pk)
    assert response.url == USERS
    assert set(anna.groups.all()) == {other_group, group_of(Role.ADMINISTRATOR)}
    assert anna.is_staff
    event = AuditEvent.objects.get()
    assert (event.actor, event.object_id) == (f"user:{administrator.user.pk}", anna.pk)
    assert event.before["groups"] == ["Night shift", "viewer"]
    administrator.post(edit_url(anna), {"role": "viewer", "is_active": "on"})
    assert role_of(User.objects.get(pk=anna.pk)) == Role.VIEWER
    assert not User.objects.get(pk=anna.pk).is_staff


def test_who_is_shut_out_is_signed_out_at_once(administrator):
    client = sign_in("supervisor")
    assert client.get(reverse("distribution:history")).status_code == 200

    administrator.post(edit_url(client.user), {"role": "supervisor"})

    assert client.get(reverse("distribution:history")).url.startswith(reverse("login"))
    assert not can_sign_in(client.user.username, PASSWORD)


def test_saving_what_is_there_already_is_no_event(administrator, anna):
    administrator.post(edit_url(anna), {"role": "viewer", "is_active": "on"})

    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("data", [{"role": "supervisor", "is_active": "on"},
                                  {"role": "administrator"}])  # fmt: skip
def test_nobody_takes_their_own_rights(administrator, superuser, data):
    response = administrator.post(edit_url(administrator.user), data)

    assert response.status_code == 409
    assert "You cannot take your own role or access away." in response.content.decode()
    user = User.objects.get(pk=administrator.user.pk)
    assert (role_of(user), user.is_staff) == (Role.ADMINISTRATOR, True)
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("change", [{"role": Role.VIEWER}, {"is_active": False}])
def test_the_last_administrator_stays(change):
    last = make_user("administrator")
    make_user("supervisor")
    shut_out = make_user("administrator", username="demo-shut-out")
    User.objects.filter(pk=shut_out.pk).update(is_active=False)

    with pytest.raises(RightsRefused) as refused:
        update_user(last.pk, **change, actor="test")

    assert refused.value.code == "last_administrator"
    assert role_of(User.objects.get(pk=last.pk)) == Role.ADMINISTRATOR
    make_user("administrator", username="demo-second")
    update_user(last.pk, **change, actor="test")


@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_dismiss_each_other(monkeypatch):
    both_have_checked, record = threading.Barrier(2, timeout=0.5), rights.record

    def record_late(**facts):
        with contextlib.suppress(threading.BrokenBarrierError):  # one waits for the other's lock
            both_have_checked.wait()
        record(**facts)

    monkeypatch.setattr("distribution.rights.record", record_late)
    one, two = (make_user("administrator", username=f"demo-{name}") for name in ("one", "two"))

    errors = run_together(
        [
            lambda: update_user(one.pk, role=Role.VIEWER, actor=f"user:{two.pk}"),
            lambda: update_user(two.pk, role=Role.VIEWER, actor=f"user:{one.pk}"),
        ]
    )

    assert [getattr(error, "code", None) for error in errors].count("last_administrator") == 1
    assert rights.administrators().count() == 1


def test_a_form_that_is_out_of_date_changes_nothing(administrator, anna):
    update_user(anna.pk, role=Role.SUPERVISOR, actor="test")

    data = {"role": "viewer", "is_active": "on", "seen": "viewer:1"}
    response = administrator.post(edit_url(anna), data)

    assert response.status_code == 409
    page = response.content.decode()
    assert "Somebody has changed this user meanwhile." in page
    assert 'name="seen" value="supervisor:1"' in page
    assert role_of(User.objects.get(pk=anna.pk)) == Role.SUPERVISOR


@pytest.mark.parametrize("seen", ["", "x", ":", "\0", "viewer"])
def test_a_form_that_does_not_say_what_it_showed(administrator, anna, seen):
    data = {"role": "supervisor", "is_active": "on", "seen": seen}
    status = administrator.post(edit_url(anna), data).status_code

    assert (status, role_of(User.objects.get(pk=anna.pk))) in (
        (302, Role.SUPERVISOR), (409, Role.VIEWER), (422, Role.VIEWER)
    )  # fmt: skip


def test_a_user_without_a_role_gets_one(administrator):
    user = make_user()
    page = administrator.get(edit_url(user)).content.decode()
    assert 'name="seen" value=":1"' in page

    data = {"role": "viewer", "is_active": "on", "seen": ":1"}
    administrator.post(edit_url(user), data)

    assert role_of(User.objects.get(pk=user.pk)) == Role.VIEWER


# Superusers -----------------------------------------------------------------------------------


def test_only_superusers_change_superusers(administrator, superuser):
    answers = [
        administrator.post(edit_url(superuser), {"role": "viewer", "is_active": "on"}),
        administrator.post(password_url(superuser), new_password()),
    ]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert "Only a superuser" in administrator.get(edit_url(superuser)).content.decode()
    stored = User.objects.get(pk=superuser.pk)
    assert stored.is_superuser
    assert stored.check_password(PASSWORD)


def test_a_superuser_makes_another_one_a_supervisor(superuser):
    client = Client()
    client.force_login(superuser)
    other = User.objects.create_superuser("demo-other")

    client.post(edit_url(other), {"role": "administrator", "is_active": "on"})
    assert User.objects.get(pk=other.pk).is_superuser
    client.post(edit_url(other), {"role": "supervisor", "is_active": "on"})

    other = User.objects.get(pk=other.pk)
    assert (role_of(other), other.is_superuser) == (Role.SUPERVISOR, False)


def test_an_administrator_makes_nobody_a_superuser_in_djangos_admin(administrator, superuser):
    user = administrator.user
    own_page = reverse("admin:auth_user_change", args=[user.pk])
    data = {"username": user.username, "is_active": "on", "is_staff": "on", "is_superuser": "on",
            "groups": [group.pk for group in user.groups.all()],
            "date_joined_0": "2030-01-01", "date_joined_1": "12:00:00"}  # fmt: skip

    saved = administrator.post(own_page, data)
    page = reverse("admin:auth_user_change", args=[superuser.pk])
    password_page = reverse("admin:auth_user_password_change", args=[superuser.pk])
    refused = [
        administrator.post(page, data | {"username": "demo-x"}),
        administrator.post(reverse("admin:auth_user_delete", args=[superuser.pk]), {"post": "yes"}),
        administrator.post(
            password_page, {"password1": OTHER_PASSWORD, "password2": OTHER_PASSWORD}
        ),
    ]

    assert saved.status_code == 302
    assert not User.objects.get(pk=user.pk).is_superuser
    assert [answer.status_code for answer in refused] == [403] * 3
    stored = User.objects.get(pk=superuser.pk)
    assert (stored.username, stored.check_password(PASSWORD)) == ("demo-superuser", True)


# Passwords ------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_sets_the_password_of_somebody_else(administrator, headers):
    client = sign_in("viewer")
    overview = reverse("distribution:history")

    response = administrator.post(password_url(client.user), new_password(), headers=headers)

    assert response.url == USERS
    assert can_sign_in(client.user.username, OTHER_PASSWORD)
    assert client.get(overview).url.startswith(reverse("login"))
    event = AuditEvent.objects.get()
    assert (event.actor, event.after) == (
        f"user:{administrator.user.pk}", {"password": "changed"}
    )  # fmt: skip


@pytest.mark.parametrize("password", ["12345678", "demo-anna", ""])
def test_a_weak_password_is_not_set(administrator, anna, password):
    response = administrator.post(password_url(anna), new_password(password))

    assert response.status_code == 422
    assert "aria-invalid" in response.content.decode()
    assert User.objects.get(pk=anna.pk).check_password(PASSWORD)


def test_ones_own_password_is_changed_where_the_old_one_is_asked_for(administrator):
    url = password_url(administrator.user)

    for response in (administrator.get(url), administrator.post(url, new_password())):
        assert response.url == reverse("password_change")
    assert User.objects.get().check_password(PASSWORD)


def test_what_cannot_be_recorded_is_not_done(administrator, anna, monkeypatch):
    def fail(**facts):
        raise RuntimeError("on purpose")

    monkeypatch.setattr("distribution.rights.record", fail)
    posts = [
        (NEW, new_user(username="demo-bert")),
        (edit_url(anna), {"role": "administrator"}),
        (password_url(anna), new_password()),
    ]
    for url, data in posts:
        with pytest.raises(RuntimeError):
            administrator.post(url, data)

    assert not User.objects.filter(username="demo-bert").exists()
    stored = User.objects.get(pk=anna.pk)
    assert (role_of(stored), stored.check_password(PASSWORD)) == (Role.VIEWER, True)
