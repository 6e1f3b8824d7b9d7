"""changepassword: Django's own, recorded as an audit event; whoever had to wait need not."""

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.models import User

from distribution.rights import record_password
from minicrm.sign_in_guard import forgive_everywhere


class Command(changepassword.Command):
    def handle(self, *args: Any, **options: Any) -> str | None:
        name = options["username"] or getpass.getuser()
        before = User.objects.filter(username=name).values_list("password", flat=True).first()
        said = super().handle(*args, **options)
        user = User.objects.get(username=name)
        if user.password != before:
            record_password(user, actor="changepassword")
            forgive_everywhere(name)
        return said
