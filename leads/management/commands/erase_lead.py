"""erase_lead: erase what we know of a person."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from leads.management.finding import KEYS, add_lead_arguments, lead_named
from leads.models import REASON_LENGTH
from leads.services import Erasing, erase_lead, preview_erasure
from minicrm.errors import ServiceError
from minicrm.terminal import table_lines


class Command(BaseCommand):
    help = (
        "Erase the personal data of a lead, of those merged into it, and of their contacts, which"
        " stay as numbers. Nothing brings it back. What was erased is kept as an act, without"
        " values."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_lead_arguments(parser)
        parser.add_argument(
            "--reason",
            required=True,
            help=f"kept for ever, at most {REASON_LENGTH} characters: never a name or a key",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")

    @no_translations
    def handle(self, *, reason: str, yes: bool, **options: Any) -> None:
        number = lead_named(options["lead"], **{name: options[name] for name in KEYS})
        try:
            erasing = preview_erasure(number)
            self._show(erasing)
            if not yes:
                _ask(number)
            done = erase_lead(number, reason=reason, actor="erase_lead", seen=erasing.stamp)
        except ServiceError as error:
            raise CommandError(error.message) from None
        self.stdout.write(
            f"Lead {number} is erased, with what came with its contacts: {done.contacts}."
            f" The act: /leads/{number}/erasure/"
        )

    def _show(self, erasing: Erasing) -> None:
        self.stdout.write(f"Lead {erasing.lead.pk}:")
        rows = [
            ("leads merged into it", len(erasing.merged)),
            *((name.replace("_", " ") + "s", count) for name, count in erasing.keys.items()),
            ("names", erasing.names),
            ("contacts, whose numbers stay", erasing.contacts),
            ("of these, open", erasing.open_contacts),
            ("messages", erasing.messages),
            ("payloads", erasing.payloads),
            ("possible duplicates", erasing.conflicts),
        ]
        for line in table_lines(("what", "how many"), rows):
            self.stdout.write(line)


def _ask(number: int) -> None:
    if not sys.stdin.isatty():
        raise CommandError("Nobody is there to ask; say --yes.")
    answer = input(f"This cannot be undone. Type the number of the lead ({number}): ")
    if answer.strip().removeprefix("#") != str(number):
        raise CommandError("Nothing was erased.")
