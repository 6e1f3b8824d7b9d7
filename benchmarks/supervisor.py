"""Who looks at the pages: a supervisor, whose rights come from the role's group alone.

`python -m benchmarks.supervisor` signs one in and writes the cookie and the addresses as JSON: its
own process, as it needs Django.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from django.test import Client


def main() -> None:
    """Sign in, and tell how the browser would ask."""
    django.setup()
    from django.conf import settings
    from django.urls import reverse

    cookie = signed_in().cookies[settings.SESSION_COOKIE_NAME]
    pages = {name: reverse(f"leads:{name}") for name in ("overview", "operators")}
    json.dump({"cookie": f"{cookie.key}={cookie.value}", "pages": pages}, sys.stdout)


def signed_in() -> Client:
    """Return a browser in which the supervisor is signed in."""
    from django.contrib.auth.models import Group, User
    from django.test import Client

    from minicrm.roles import Role

    user, _ = User.objects.get_or_create(username="bench-supervisor")
    user.groups.set([Group.objects.get(name=Role.SUPERVISOR)])
    client = Client(headers={"Host": "localhost"})
    client.force_login(user)
    return client


if __name__ == "__main__":
    main()
