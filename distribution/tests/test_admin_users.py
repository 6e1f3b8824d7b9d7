"""Users and groups in Django's admin: every change of rights is recorded, and nothing personal."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse

from distribution.models import AuditEvent
from distribution.tests.admin_pages import errors_of

pytestmark = [pytest.mark.slow_on_postgresql, pytest.mark.django_db]

PASSWORD = "made-up-password-1"
ADD_USER = reverse("admin:auth_user_add")
USERS = reverse("admin:auth_user_changelist")
GROUPS = reverse("admin:auth_group_changelist")


def url_of(obj, page="change"):
    return reverse(f"admin:auth_{obj._meta.model_name}_{page}", args=[obj.pk])


def password_url(user):
    return reverse("admin:auth_user_password_change", args=[user.pk])


def form_of(user, **changes):
    """Return what a browser sends with the form of a user."""
    data = {
        "username": user.username, "first_name": user.first_name, "email": user.email,
        "date_joined_0": "2030-01-01", "date_joined_1": "12:00:00",
        "groups": [group.pk for group in user.groups.all()],
        "user_permissions": [permission.pk for permission in user.user_permissions.all()],
    }  # fmt: skip
    flags = ("is_active", "is_staff", "is_superuser")
    data |= {flag: "on" for flag in flags if getattr(user, flag)}
    data |= changes
    return {name: value for name, value in data.items() if value is not None}


def permission(codename):
    return Permission.objects.get(codename=codename)


@pytest.fixture
def anna():
    return User.objects.create_user("anna", email="anna@example.com", password=PASSWORD)


def told():
    """Return the only event there is, without its time."""
    event = AuditEvent.objects.get()
    return event.action, event.object_type, event.object_id, event.object_name


# Users ----------------------------------------------------------------------------------------


def test_records_a_new_user(admin_client, admin_user):
    data = {"username": "bert", "usable_password": "true"}
    admin_client.post(ADD_USER, data | {"password1": PASSWORD, "password2": PASSWORD})

    bert = User.objects.get(username="bert")
    assert bert.check_password(PASSWORD)
    assert told() == ("created", "user", bert.pk, "bert")
    event = AuditEvent.objects.get()
    assert event.actor == f"user:{admin_user.pk}"
    assert event.before is None
    assert event.after == {
        "username": "bert", "is_active": True, "is_staff": False, "is_superuser": False,
        "groups": [], "user_permissions": [],
    }  # fmt: skip


def test_records_what_a_user_may_do_before_and_after(admin_client, anna):
    old, new = Group.objects.create(name="Looking"), Group.objects.create(name="Operators")
    anna.groups.add(old)
    anna.user_permissions.add(permission("view_operator"))
    chosen = permission("change_operator")

    data = form_of(anna, is_staff="on", groups=[new.pk], user_permissions=[chosen.pk])
    admin_client.post(url_of(anna), data)

    assert told() == ("changed", "user", anna.pk, "anna")
    event = AuditEvent.objects.get()
    before = {
        "username": "anna", "is_active": True, "is_staff": False, "is_superuser": False,
        "groups": ["Looking"], "user_permissions": ["distribution.view_operator"],
    }  # fmt: skip
    assert event.before == before
    assert event.after == before | {
        "is_staff": True,
        "groups": ["Operators"],
        "user_permissions": ["distribution.change_operator"],
    }
    anna.refresh_from_db()
    assert (anna.is_staff, anna.groups.get()) == (True, new)


@pytest.mark.parametrize(
    ("change", "field", "after"),
    [
        ({"username": "anne"}, "username", "anne"),
        ({"is_active": None}, "is_active", False),
        ({"is_superuser": "on"}, "is_superuser", True),
    ],
)
def test_records_each_change_alone(admin_client, anna, change, field, after):
    admin_client.post(url_of(anna), form_of(anna, **change))

    event = AuditEvent.objects.get()
    assert event.after == event.before | {field: after}
    assert event.object_name == change.get("username", "anna")


def test_personal_data_is_not_recorded(admin_client, anna):
    data = form_of(anna, email="other@example.com", first_name="Made-up")
    admin_client.post(url_of(anna), data)

    anna.refresh_from_db()
    assert (anna.email, anna.first_name) == ("other@example.com", "Made-up")
    assert not AuditEvent.objects.exists()


def test_a_refused_form_records_nothing(admin_client, anna):
    response = admin_client.post(url_of(anna), form_of(anna, username="not allowed!"))

    assert set(errors_of(response)) == {"username"}
    assert not AuditEvent.objects.exists()


class Failed(Exception):
    pass


def fail(*args, **kwargs):
    raise Failed


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", ["save_related", "log_change"])
def test_a_change_that_fails_is_neither_made_nor_recorded(admin_client, anna, monkeypatch, where):
    monkeypatch.setattr(f"django.contrib.admin.options.ModelAdmin.{where}", fail)

    with pytest.raises(Failed):
        admin_client.post(url_of(anna), form_of(anna, is_superuser="on"))

    anna.refresh_from_db()
    assert not anna.is_superuser
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["add", "change", "delete", "delete several", "password"])
def test_what_cannot_be_recorded_is_not_done(admin_client, anna, monkeypatch, page):
    monkeypatch.setattr("distribution.admin.users.record", fail)
    monkeypatch.setattr("distribution.rights.record", fail)
    stored = list(User.objects.order_by("pk").values("username", "is_staff", "password"))
    passwords = {"password1": "another-made-up-2", "password2": "another-made-up-2"}
    posts = {
        "add": (ADD_USER, {"username": "bert", "usable_password": "true"} | passwords),
        "change": (url_of(anna), form_of(anna, is_staff="on")),
        "delete": (url_of(anna, "delete"), {"post": "yes"}),
        "delete several": (
            USERS, {"action": "delete_selected", "_selected_action": [anna.pk], "post": "yes"},
        ),
        "password": (password_url(anna), {"usable_password": "true"} | passwords),
    }  # fmt: skip

    with pytest.raises(Failed):
        admin_client.post(*posts[page])

    assert list(User.objects.order_by("pk").values("username", "is_staff", "password")) == stored


def test_records_a_deleted_user(admin_client, anna):
    number = anna.pk

    admin_client.post(url_of(anna, "delete"), {"post": "yes"})

    assert not User.objects.filter(pk=number).exists()
    assert told() == ("deleted", "user", number, "anna")
    event = AuditEvent.objects.get()
    assert event.before["is_active"] is True
    assert event.after is None


def test_records_each_of_several_deleted_users(admin_client, anna):
    bert = User.objects.create_user("bert")
    data = {"action": "delete_selected", "_selected_action": [anna.pk, bert.pk], "post": "yes"}

    admin_client.post(USERS, data)

    assert User.objects.count() == 1
    events = AuditEvent.objects.filter(action="deleted").order_by("id")
    assert [event.object_name for event in events] == ["anna", "bert"]


def test_who_may_not_change_users_does_not(client, anna):
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.add(permission("view_user"))
    client.force_login(looker)

    answers = [
        client.post(url_of(looker), form_of(looker, is_superuser="on")),
        client.post(password_url(anna), {"password1": "x", "password2": "x"}),
        client.post(url_of(anna, "delete"), {"post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [403] * 3
    assert not AuditEvent.objects.exists()


# Passwords ------------------------------------------------------------------------------------


def test_records_that_a_password_was_changed_and_not_the_password(admin_client, anna):
    data = {"usable_password": "true", "password1": "another-made-up-2"}
    admin_client.post(password_url(anna), data | {"password2": "another-made-up-2"})

    anna.refresh_from_db()
    assert anna.check_password("another-made-up-2")
    assert told() == ("changed", "user", anna.pk, "anna")
    event = AuditEvent.objects.get()
    assert (event.before, event.after) == (None, {"password": "changed"})


def test_records_that_a_password_was_taken_away(admin_client, anna):
    admin_client.post(password_url(anna), {"usable_password": "false", "unset-password": "1"})

    anna.refresh_from_db()
    assert not anna.has_usable_password()
    assert AuditEvent.objects.get().after == {"password": "disabled"}


@pytest.mark.parametrize(
    "data",
    [
        {"usable_password": "true", "password1": PASSWORD, "password2": "another"},
        {"usable_password": "false"},
    ],
)
def test_a_refused_password_records_nothing(admin_client, anna, data):
    admin_client.post(password_url(anna), data)

    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)
    assert not AuditEvent.objects.exists()


def test_the_password_of_a_missing_user_is_not_found(admin_client):
    url = reverse("admin:auth_user_password_change", args=[404])

    assert admin_client.post(url, {}).status_code == 404
    assert admin_client.post(url.replace("404", "x"), {}).status_code == 404


def test_the_password_form_is_shown(admin_client, anna):
    page = admin_client.get(password_url(anna)).content.decode()

    assert 'name="password1"' in page
    assert not AuditEvent.objects.exists()


# Groups ---------------------------------------------------------------------------------------


def test_records_what_members_of_a_group_may_do(admin_client):
    view, change = permission("view_operator"), permission("change_operator")
    data = {"name": "Operators", "permissions": [view.pk]}
    admin_client.post(reverse("admin:auth_group_add"), data)
    group = Group.objects.get(name="Operators")
    admin_client.post(url_of(group), {"name": "All operators", "permissions": [change.pk]})

    changed, created = AuditEvent.objects.all()
    old = {"name": "Operators", "permissions": ["distribution.view_operator"]}
    new = {"name": "All operators", "permissions": ["distribution.change_operator"]}
    assert (created.action, created.object_type, created.after) == ("created", "group", old)
    assert (changed.object_id, changed.object_name) == (group.pk, "All operators")
    assert (changed.before, changed.after) == (old, new)


@pytest.mark.parametrize("several", [False, True])
def test_members_of_a_deleted_group_have_changed_too(admin_client, anna, several):
    group = Group.objects.create(name="Operators")
    anna.groups.add(group, Group.objects.create(name="Keys"))
    number = group.pk
    if several:
        data = {"action": "delete_selected", "_selected_action": [number], "post": "yes"}
        admin_client.post(GROUPS, data)
    else:
        admin_client.post(url_of(group, "delete"), {"post": "yes"})

    assert not Group.objects.filter(pk=number).exists()
    of_group = AuditEvent.objects.get(object_type="group")
    of_anna = AuditEvent.objects.get(object_type="user")
    assert (of_group.action, of_group.object_id, of_group.after) == ("deleted", number, None)
    assert (of_anna.action, of_anna.object_id) == ("changed", anna.pk)
    assert of_anna.before["groups"] == ["Keys", "Operators"]
    assert of_anna.after == of_anna.before | {"groups": ["Keys"]}
