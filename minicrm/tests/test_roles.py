"""Roles: what each may do, and that every page asks for it."""

import importlib
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from distribution.keys import create_api_key
from distribution.models import ApiKey
from distribution.tests.factories import OperatorFactory, SourceFactory
from leads.tests.factories import LeadFactory, WaitingContactFactory
from minicrm.roles import PERMISSIONS, Role, role_of
from minicrm.tests.people import group_of, make_user, sign_in

pytestmark = pytest.mark.django_db

LOGIN = reverse("login")
PUBLIC, NOBODY, VIEWER, SUPERVISOR, ADMINISTRATOR = range(5)
# Who may, at least; None: nobody, for the page has no such method.
LOOKED_AT, WITH_FORM, CHANGED = (VIEWER, None), (SUPERVISOR, SUPERVISOR), (None, SUPERVISOR)
LOOKED_AT_AND_CHANGED = (VIEWER, SUPERVISOR)
ADMINISTERED = (ADMINISTRATOR, ADMINISTRATOR)
# (GET, POST) of every page by its name.
PAGES = {
    "login": (PUBLIC, PUBLIC),
    "logout": (None, NOBODY),
    "set_language": (PUBLIC, PUBLIC),
    "set_theme": (None, PUBLIC),
    "password_change": (NOBODY, NOBODY),
    "password_change_done": (NOBODY, None),
    "leads:overview": LOOKED_AT,
    "leads:operators": LOOKED_AT,
    "leads:create_operator": WITH_FORM,
    "leads:change_operators": CHANGED,
    "leads:operator": LOOKED_AT,
    "leads:edit_operator": WITH_FORM,
    "leads:switch_operator": WITH_FORM,
    "leads:set_limit": CHANGED,
    "leads:take_next": WITH_FORM,
    "leads:sources": LOOKED_AT,
    "leads:create_source": WITH_FORM,
    "leads:source": LOOKED_AT,
    "leads:edit_source": WITH_FORM,
    "leads:switch_source": CHANGED,
    "leads:set_weights": CHANGED,
    "leads:contacts": LOOKED_AT,
    "leads:create_contact": WITH_FORM,
    "leads:export_contacts": LOOKED_AT,
    "leads:move_contacts": CHANGED,
    "leads:move_job": WITH_FORM,
    "leads:contact": LOOKED_AT,
    "leads:close_contact": WITH_FORM,
    "leads:reassign_contact": WITH_FORM,
    "leads:requeue_contact": WITH_FORM,
    "leads:reopen_contact": WITH_FORM,
    "leads:leads": LOOKED_AT,
    "leads:duplicates": LOOKED_AT_AND_CHANGED,
    "leads:lead": LOOKED_AT_AND_CHANGED,
    "leads:merge_leads": WITH_FORM,
    "distribution:keys": (ADMINISTRATOR, None),
    "distribution:create_key": ADMINISTERED,
    "distribution:rotate_key": ADMINISTERED,
    "distribution:revoke_key": ADMINISTERED,
    "distribution:history": LOOKED_AT,
    "distribution:users": (ADMINISTRATOR, None),
    "distribution:create_user": ADMINISTERED,
    "distribution:edit_user": ADMINISTERED,
    "distribution:set_password": ADMINISTERED,
}
ELSEWHERE = ("api/", "admin/", "healthz", "readyz")  # not pages of ours
WITHOUT_A_JOB = ("leads:move_contacts", "leads:move_job")  # nothing is chosen, and none is there
PK, OTHER = 4_000, 4_001


def names_of_pages(resolver=None, namespace=""):
    """Yield the names of all addresses of pages, each with its arguments."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if str(pattern.pattern).startswith(ELSEWHERE) and not namespace:
            continue
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from names_of_pages(pattern, namespace + inner)
        else:
            yield f"{namespace}{pattern.name}", set(pattern.pattern.converters)


def url_of(name, arguments):
    values = {"pk": PK, "other": OTHER, "key": "none"}
    return reverse(name, kwargs={argument: values[argument] for argument in arguments})


def outcome(name, response):
    """Return what an answer says of who asks."""
    if response.status_code == 302 and response.url.startswith(f"{LOGIN}?next="):
        return "sign in"
    words = {403: "refused", 405: "no such method", 500: "broken"}
    if name not in WITHOUT_A_JOB:
        words[404] = "nothing there"
    return words.get(response.status_code, "let in")


def expected(name, method, level):
    needed = PAGES[name][method == "POST"]
    if level == PUBLIC and PUBLIC not in PAGES[name]:
        return "sign in"
    if needed is None:
        return "no such method"
    return "let in" if level >= needed else "refused"


@pytest.fixture
def objects():
    """One of everything, under the number that the addresses name."""
    OperatorFactory(pk=PK)
    source = SourceFactory(pk=PK)
    key, _token = create_api_key(name="Demo", actor="test")
    ApiKey.objects.filter(pk=key.pk).update(id=PK)
    for number in (PK, OTHER):
        LeadFactory(pk=number)
    WaitingContactFactory(pk=PK, lead_id=PK, source=source)
    User.objects.create_user("demo-somebody", pk=PK)


@pytest.mark.slow_on_postgresql
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "level",
    [PUBLIC, NOBODY, VIEWER, SUPERVISOR, ADMINISTRATOR],
    ids=["stranger", "nobody", "viewer", "supervisor", "administrator"],
)
def test_every_page_asks_for_the_right_role(objects, level, method):
    roles = {NOBODY: None, VIEWER: "viewer", SUPERVISOR: "supervisor"}
    user = make_user(roles.get(level, "administrator"))
    wrong, client = {}, Client()
    if level != PUBLIC:
        client.force_login(user)
    # Signing out comes last.
    for name, arguments in sorted(names_of_pages(), key=lambda page: page[0] == "logout"):
        response = client.generic(method, url_of(name, arguments))
        got, should = outcome(name, response), expected(name, method, level)
        if got != should:
            wrong[name] = f"{got} instead of {should} ({response.status_code})"

    assert wrong == {}


def test_the_table_names_every_page():
    assert {name for name, _arguments in names_of_pages()} == set(PAGES)


# The groups -----------------------------------------------------------------------------------


def names(permissions):
    rows = permissions.values_list("content_type__app_label", "codename")
    return {f"{label}.{codename}" for label, codename in rows}


def test_the_migration_gives_each_role_what_is_written_down():
    Group.objects.all().delete()
    Permission.objects.filter(codename="view_contact").delete()  # as before the first migration
    executor = MigrationExecutor(connection)
    state = executor.loader.project_state(("leads", "0005_roles"))
    migration = importlib.import_module("leads.migrations.0005_roles")

    for _ in range(2):
        migration.add_roles(state.apps, SimpleNamespace(connection=connection))

    found = {group.name: names(group.permissions) for group in Group.objects.all()}
    assert found == {role.value: set(PERMISSIONS[role]) for role in Role}


def test_a_group_that_was_there_keeps_what_it_has():
    Group.objects.all().delete()
    kept = Permission.objects.get(codename="delete_lead")
    Group.objects.create(name="viewer").permissions.add(kept)
    migration = importlib.import_module("leads.migrations.0005_roles")
    state = MigrationExecutor(connection).loader.project_state(("leads", "0005_roles"))

    migration.add_roles(state.apps, SimpleNamespace(connection=connection))

    viewers = names(Group.objects.get(name="viewer").permissions)
    assert viewers == {*PERMISSIONS[Role.VIEWER], "leads.delete_lead"}


def test_each_role_may_what_those_before_it_may():
    assert set(PERMISSIONS[Role.VIEWER]) < set(PERMISSIONS[Role.SUPERVISOR])
    assert set(PERMISSIONS[Role.SUPERVISOR]) < set(PERMISSIONS[Role.ADMINISTRATOR])
    assert all(".view_" in name for name in PERMISSIONS[Role.VIEWER])


@pytest.mark.parametrize("role", [None, *Role])
def test_a_users_role_is_that_of_their_group(role):
    assert role_of(sign_in(role).user) == role


def test_the_highest_of_several_roles_counts():
    user = make_user("supervisor")
    user.groups.add(group_of(Role.VIEWER), Group.objects.create(name="Night shift"))

    assert role_of(user) == Role.SUPERVISOR


def test_superusers_are_administrators_and_who_is_shut_out_is_nothing():
    user = User.objects.create_superuser("demo")
    assert role_of(user) == Role.ADMINISTRATOR
    user.is_active = False
    assert role_of(user) is None
