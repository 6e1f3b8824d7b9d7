"""forget_old_contents: daily housekeeping of personal data."""

from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from leads.services import contacts_to_forget, forget_old_contents

SAID_EVERY = 10_000  # contacts


class Command(BaseCommand):
    help = (
        "Delete what came with contacts that were closed RETENTION_DAYS ago or earlier (keys and"
        " name as sent, message, payload), and the reasons given for moving them. The contacts"
        " stay as numbers, the leads keep keys and names. Nothing may be stopped for it; it may be"
        " broken off and run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=_days, metavar="N", help="instead of the setting RETENTION_DAYS"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say how many there are, and delete nothing"
        )

    @no_translations
    def handle(self, *, days: int | None, dry_run: bool, **options: Any) -> None:
        days = days or settings.RETENTION_DAYS
        if days is None:
            raise CommandError("RETENTION_DAYS is not set: contents are kept. Or say --days.")
        if dry_run:
            count = contacts_to_forget(days=days).count()
            self.stdout.write(f"Contents to be forgotten: {count}, of contacts {_closed(days)}.")
            return
        forgotten = said = 0
        for count in forget_old_contents(days=days):
            forgotten += count
            if options["verbosity"] > 0 and forgotten - said >= SAID_EVERY:
                said = forgotten
                self.stderr.write(f"{forgotten} ...")
        self.stdout.write(f"Contents forgotten: {forgotten}, of contacts {_closed(days)}.")


def _closed(days: int) -> str:
    return f"closed {days} days ago or earlier"


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 36_500):
        raise ArgumentTypeError(f"must be a whole number from 1 to 36500; it is {text[:40]!r}")
    return int(text)
