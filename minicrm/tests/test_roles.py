"""Roles: what each may do. What every page asks for is in test_access.py."""

import importlib
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from minicrm.roles import PERMISSIONS, Role, role_of
from minicrm.tests.people import group_of, make_user, sign_in

pytestmark = pytest.mark.django_db

# The groups -----------------------------------------------------------------------------------


def names(permissions):
    rows = permissions.values_list("content_type__app_label", "codename")
    return {f"{label}.{codename}" for label, codename in rows}


def test_the_migration_gives_each_role_what_is_written_down():
    Group.objects.all().delete()
    Permission.objects.filter(codename="view_contact").delete()  # as before the first migration
    editor = SimpleNamespace(connection=connection)
    loader = MigrationExecutor(connection).loader
    first = importlib.import_module("leads.migrations.0005_roles")
    then = importlib.import_module("leads.migrations.0008_personal_data_roles")

    for _ in range(2):
        first.add_roles(loader.project_state(("leads", "0005_roles")).apps, editor)
        then.extend_roles(loader.project_state(("leads", "0008_personal_data_roles")).apps, editor)

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
