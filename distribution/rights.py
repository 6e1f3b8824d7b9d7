"""What users and groups may do: the facts of it for the audit, and the first administrator.

Names and addresses of people are left out: what is recorded can never be erased.
"""

from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Manager

from distribution.audit import record
from minicrm.transactions import retried


def rights_of_user(user: User) -> dict[str, Any]:
    """Return a user's name to sign in with, and what they may do, as stored at this moment."""
    return {
        "username": user.get_username(),
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "groups": sorted(user.groups.values_list("name", flat=True)),
        "user_permissions": _named(user.user_permissions),
    }


def rights_of_group(group: Group) -> dict[str, Any]:
    """Return a group's name and what its members may do."""
    return {"name": group.name, "permissions": _named(group.permissions)}


@retried
def create_administrator(*, username: str, password: str, actor: str) -> User:
    """Create a user who may do everything."""
    user = User.objects.create_superuser(username, password=password)
    record(
        actor=actor,
        action="created",
        obj_type="user",
        object_id=user.pk,
        object_name=user.get_username(),
        after=rights_of_user(user),
    )
    return user


def record_password(user: User, *, actor: str) -> None:
    """Record that a user's password was set or taken away, in the transaction that did it."""
    record(
        actor=actor,
        action="changed",
        obj_type="user",
        object_id=user.pk,
        object_name=user.get_username(),
        after={"password": "changed" if user.has_usable_password() else "disabled"},
    )


def _named(permissions: "Manager[Permission]") -> list[str]:
    """Return permissions by the names that programs ask for them with, which nobody translates."""
    rows = permissions.values_list("content_type__app_label", "codename")
    return sorted(f"{app}.{codename}" for app, codename in rows)
