"""create_administrator: the first user, who may do everything."""

import os
import sys
from getpass import getpass
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.db import IntegrityError

from distribution.rights import create_administrator

VARIABLE = "CREATE_ADMINISTRATOR_PASSWORD"


class Command(BaseCommand):
    help = (
        "Create a user who may do everything, and record it as an audit event. Asks for the"
        f" password twice; scripts put it into the environment variable {VARIABLE}. (Command lines"
        " can be seen by other users of the machine.)"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="to sign in with")

    @no_translations
    def handle(self, *, name: str, **options: Any) -> None:
        user = User(username=User.normalize_username(name))
        try:
            user.full_clean(exclude={"password"})
        except ValidationError as error:
            raise CommandError(f"The name will not do: {' '.join(error.messages)}") from None
        # Written out: the tests look for the variables that are read in the documentation.
        password = os.environ.get("CREATE_ADMINISTRATOR_PASSWORD", "") or _asked()
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(f"The password will not do: {' '.join(error.messages)}") from None
        try:
            create_administrator(
                username=user.username, password=password, actor="create_administrator"
            )
        except IntegrityError:
            raise CommandError(f"Somebody has just created {user.username!r}.") from None
        self.stdout.write(f"Administrator {user.username} created.")


def _asked() -> str:
    """Return the password that is typed in twice."""
    if not sys.stdin.isatty():
        raise CommandError(f"There is no terminal to ask for the password: set {VARIABLE}.")
    try:
        password = getpass("Password: ")
        if getpass("Password again: ") != password:
            raise CommandError("The two differ; nothing was created.")
    except (KeyboardInterrupt, EOFError):
        raise CommandError("Nothing was created.") from None
    return password
