"""Users in each role, signed in."""

from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from minicrm.roles import PERMISSIONS, Role

PASSWORD = "a long demo password"


def make_user(role: str | None = None, *, username: str = "") -> User:
    """Create a user in a role; without one they may do nothing."""
    user = User.objects.create_user(username or f"demo-{role or 'nobody'}", password=PASSWORD)
    if role:
        user.groups.add(group_of(Role(role)))
        user.is_staff = role == Role.ADMINISTRATOR
        user.save(update_fields=["is_staff"])
    return user


def group_of(role: Role) -> Group:
    """Return the role's group; made anew where a test that commits has emptied the tables."""
    group, created = Group.objects.get_or_create(name=role)
    if created:
        wanted = PERMISSIONS[role]
        codenames = {name.partition(".")[2] for name in wanted}
        found = Permission.objects.filter(codename__in=codenames).values_list(
            "content_type__app_label", "codename", "pk"
        )
        keys = {f"{label}.{codename}": key for label, codename, key in found}
        group.permissions.add(*(keys[name] for name in wanted))
    return group


def sign_in(role: str | None = None, *, username: str = "") -> Client:
    """Return a browser with a new user of this role signed in; `client.user` is who that is."""
    client = Client()
    client.user = make_user(role, username=username)
    client.force_login(client.user)
    return client


def can_sign_in(username: str, password: str) -> bool:
    """Whether the sign-in page takes this name with this password."""
    response = Client().post(reverse("login"), {"username": username, "password": password})
    return response.status_code == 302
