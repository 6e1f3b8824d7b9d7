"""createsuperuser: Django's own, recorded as an audit event; `create_administrator` asks less."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.models import User

from distribution.rights import record_created


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> str | None:
        known = set(User.objects.filter(is_superuser=True).values_list("pk", flat=True))
        said = super().handle(*args, **options)
        for user in User.objects.filter(is_superuser=True).exclude(pk__in=known):
            record_created(user, actor="createsuperuser")
        return said
