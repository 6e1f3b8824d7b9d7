"""What users and groups may do: giving it, taking it away, and the facts of it for the audit.

Names and addresses of people are left out: what is recorded can never be erased.
"""

from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission, User
from django.db import IntegrityError, transaction
from django.db.models import Manager, Q, QuerySet

from distribution.audit import record
from minicrm.errors import Conflict, NotFound
from minicrm.roles import Role
from minicrm.sign_in_guard import forgive_everywhere
from minicrm.transactions import retried


class RightsRefused(Conflict):
    """Nobody may do this to a user's rights; the codes are for pages, the API has no users."""


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


def given_role(user: User) -> Role | None:
    """Return the highest role that a user was given, whether or not they may sign in now.

    A superuser is an administrator. Takes groups that were fetched before.
    """
    if user.is_superuser:
        return Role.ADMINISTRATOR
    names = {group.name for group in user.groups.all()}
    return next((role for role in reversed(Role) if role in names), None)


def administrators() -> QuerySet[User]:
    """Return those who can make others administrators: active ones only."""
    named = Q(groups__name=Role.ADMINISTRATOR, is_staff=True)
    return User.objects.filter(named | Q(is_superuser=True), is_active=True).distinct()


def lock_administrators() -> None:
    """Wait for other changes of rights: two who dismiss each other must not both succeed."""
    Group.objects.select_for_update(no_key=True).filter(name=Role.ADMINISTRATOR).first()


def check_somebody_administrates() -> None:
    """Raise RightsRefused when nobody is left who could let others in."""
    if not administrators().exists():
        raise RightsRefused("last_administrator", "Somebody has to be left to administrate.")


@retried
def create_administrator(*, username: str, password: str, actor: str) -> User:
    """Create a user who may do everything."""
    user = User.objects.create_superuser(username, password=password)
    record_created(user, actor=actor)
    return user


def create_user(*, username: str, password: str, role: Role, actor: str) -> User:
    """Create a user in a role. Raises RightsRefused for a name in use."""
    # Hashed before the transaction: it takes long by intent, and SQLite has but one writer.
    user = User(username=User.normalize_username(username), password=make_password(password))
    return _create(user, role, actor=actor)


@retried
def _create(user: User, role: Role, *, actor: str) -> User:
    user.pk = None  # of a transaction that was undone
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        raise RightsRefused(
            "username_taken", f"There is a user named {user.username!r}.", field="username"
        ) from None
    _give(user, role)
    user.save(update_fields=["is_staff"])
    record_created(user, actor=actor)
    return user


@retried
def update_user(
    user_id: int,
    *,
    role: Role | None = None,
    is_active: bool | None = None,
    seen: tuple[Role | None, bool] | None = None,
    actor: str,
) -> User:
    """Give a user another role, or let them sign in or not; None leaves it as it is.

    Whoever may not sign in any more is signed out at their next click. Raises NotFound, and
    RightsRefused where somebody would shut themselves out, nobody were left to administrate, a user
    who is no superuser would change one who is, or role and activity are not as `seen`.
    """
    lock_administrators()
    user = _locked_user(user_id)
    _check_superuser(user, actor=actor)
    if seen is not None and seen != (given_role(user), user.is_active):
        raise RightsRefused("user_changed", "Somebody has changed this user meanwhile.")
    before, was_administrator = rights_of_user(user), _is_administrator(user)
    if role is not None and role != given_role(user):
        _give(user, role)
    if is_active is not None:
        user.is_active = is_active
    user.save(update_fields=["is_active", "is_staff", "is_superuser"])
    dismissed = was_administrator and not _is_administrator(user)
    if actor == f"user:{user.pk}" and (dismissed or not user.is_active):
        raise RightsRefused("own_rights", "Nobody may dismiss themselves.")
    if dismissed:
        check_somebody_administrates()
    _record(user, "changed", actor=actor, before=before, after=rights_of_user(user))
    return user


def set_password(user_id: int, password: str, *, actor: str) -> User:
    """Set a user's password, which signs them out everywhere. Raises NotFound, RightsRefused."""
    return _set_password(user_id, make_password(password), actor=actor)


@retried
def _set_password(user_id: int, hashed: str, *, actor: str) -> User:
    user = _locked_user(user_id)
    _check_superuser(user, actor=actor)
    user.password = hashed
    user.save(update_fields=["password"])
    record_password(user, actor=actor)
    forgive_everywhere(user.get_username())  # whoever has forgotten it may be waiting
    return user


def record_password(user: User, *, actor: str) -> None:
    """Record that a user's password was set or taken away, in the transaction that did it."""
    password = "changed" if user.has_usable_password() else "disabled"
    _record(user, "changed", actor=actor, after={"password": password})


def _locked_user(user_id: int) -> User:
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise NotFound("not_found", f"There is no user {user_id}.")
    return user


def _give(user: User, role: Role) -> None:
    """Put a user into a role's group and out of those of the others; other groups stay."""
    groups = {group.name: group for group in Group.objects.filter(name__in=Role.values)}
    if role not in groups:
        raise RightsRefused("role_missing", f"There is no group {str(role)!r} any more.")
    user.groups.remove(*(group for name, group in groups.items() if name != role))
    user.groups.add(groups[role])
    user.is_staff = role == Role.ADMINISTRATOR  # for Django's admin
    user.is_superuser = user.is_superuser and role == Role.ADMINISTRATOR


def _is_administrator(user: User) -> bool:
    return administrators().filter(pk=user.pk).exists()


def _check_superuser(user: User, *, actor: str) -> None:
    acting = _acting_user(actor)
    if user.is_superuser and acting is not None and not acting.is_superuser:
        raise RightsRefused("superuser_only", "Only a superuser may change a superuser.")


def _acting_user(actor: str) -> User | None:
    """Return the user behind an actor; None for a command, which whoever runs it answers for."""
    kind, _colon, number = actor.partition(":")
    return User.objects.get(pk=number) if kind == "user" else None


def record_created(user: User, *, actor: str) -> None:
    """Record a new user, and what they may do."""
    _record(user, "created", actor=actor, after=rights_of_user(user))


def _record(user: User, action: str, *, actor: str, **states: dict[str, Any]) -> None:
    record(
        actor=actor,
        action=action,
        obj_type="user",
        object_id=user.pk,
        object_name=user.get_username(),
        **states,
    )


def _named(permissions: "Manager[Permission]") -> list[str]:
    """Return permissions by the names that programs ask for them with, which nobody translates."""
    rows = permissions.values_list("content_type__app_label", "codename")
    return sorted(f"{app}.{codename}" for app, codename in rows)
