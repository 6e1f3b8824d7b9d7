"""move_contacts: close, reopen, requeue or reassign contacts by number."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from leads.services import (
    Moved,
    close_contact,
    reassign_contact,
    reopen_contact,
    requeue_contact,
)
from minicrm.errors import ServiceError
from minicrm.schemas import MAX_ID
from minicrm.terminal import Progress, table_lines

ACTOR = "move_contacts"
MOVES: dict[str, Callable[..., Moved]] = {
    "close": close_contact,
    "reopen": reopen_contact,
    "requeue": requeue_contact,
    "reassign": reassign_contact,
}


class Command(BaseCommand):
    help = (
        "Move contacts, each in a transaction of its own. What is so already is left alone, so an"
        " interrupted run may be repeated. Exits with status 1 if some were refused. Example:"
        " manage.py move_contacts reassign 12 13 --to 4 --reason 'on holiday'"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("move", choices=MOVES)
        parser.add_argument(
            "contacts", nargs="+", metavar="NUMBER", help="of a contact; - reads them from stdin"
        )
        parser.add_argument("--to", type=int, metavar="OPERATOR", help="id; for reassign")
        parser.add_argument(
            "--over-limit", action="store_true", help="may exceed the limit; needs a reason"
        )
        parser.add_argument("--reason", default="", help="kept with the contact")

    @no_translations
    def handle(self, *, move: str, contacts: list[str], **options: Any) -> None:
        work = self._work(move, options)
        contact_ids = _numbers(contacts)
        moved, already, assigned = 0, 0, 0
        refused: list[tuple[int, str]] = []
        progress = Progress(total=len(contact_ids), noun="contacts", out=self.stderr)
        for done, contact_id in enumerate(contact_ids, start=1):
            try:
                outcome = work(contact_id)
            except ServiceError as error:
                refused.append((contact_id, error.message))
            else:
                moved += outcome.changed
                already += not outcome.changed
                assigned += outcome.assigned
            progress.update(count=done, done=done)
        progress.end()
        rows = [
            ("moved", moved),
            ("so already", already),
            ("refused", len(refused)),
            ("waiting ones that got a place", assigned),
        ]
        for line in table_lines(("contacts", move), rows):
            self.stdout.write(line)
        for contact_id, why in refused:
            self.stderr.write(f"{contact_id}: {why}")
        if refused:
            raise CommandError(f"Refused: {len(refused)} of {len(contact_ids)}.")

    def _work(self, move: str, options: dict[str, Any]) -> Callable[[int], Moved]:
        """Return the service with everything but the contact filled in."""
        work = partial(MOVES[move], actor=ACTOR, reason=options["reason"])
        if move == "reassign":
            if options["to"] is None:
                raise CommandError("Say to whom: --to OPERATOR.")
            return partial(work, operator_id=options["to"], over_limit=options["over_limit"])
        if options["to"] is not None or options["over_limit"]:
            raise CommandError("--to and --over-limit are for reassign.")
        return work


def _numbers(texts: list[str]) -> list[int]:
    """Return the numbers of contacts, each once, in the order given."""
    words = [
        word for text in texts for word in (sys.stdin.read().split() if text == "-" else [text])
    ]
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) < 20 and int(word) <= MAX_ID):
            raise CommandError(f"{word!r} is no number of a contact.")
    return list(dict.fromkeys(map(int, words)))
