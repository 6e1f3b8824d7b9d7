"""move_contacts: close, reopen, requeue or reassign contacts by number."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.db import InterfaceError, OperationalError
from django.db.transaction import TransactionManagementError

from leads.management.arguments import object_id
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
from minicrm.transactions import RunAgain, is_retryable

ACTOR = "move_contacts"
MOVES: dict[str, Callable[..., Moved]] = {
    "close": close_contact,
    "reopen": reopen_contact,
    "requeue": requeue_contact,
    "reassign": reassign_contact,
}
BUSY = "The database was busy all the time; nothing was done."


@dataclass(slots=True)
class Tally:
    """What became of the contacts so far."""

    moved: int = 0
    already: int = 0
    assigned: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)

    def move(self, work: Callable[[int], Moved], contact_id: int) -> None:
        """Move one contact and count it. Raises the errors of a database that is gone."""
        try:
            outcome = work(contact_id)
        except ServiceError as error:
            self.refused.append((contact_id, error.message))
        except (OperationalError, RunAgain, TransactionManagementError) as error:
            # Tried again and again already; the others need not suffer from it.
            if not is_retryable(error):
                raise
            self.refused.append((contact_id, BUSY))
        else:
            self.moved += outcome.changed
            self.already += not outcome.changed
            self.assigned += outcome.assigned


class Command(BaseCommand):
    help = (
        "Move contacts, each in a transaction of its own. Exits with status 1 if some were refused."
        " Close, reopen and reassign leave alone what is so already, so an interrupted run may be"
        " repeated. Not so requeue: what has been assigned since, to whomever, is put back into the"
        " queue once more. Example:"
        " manage.py move_contacts reassign 12 13 --to 4 --reason 'on holiday'"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("move", choices=MOVES)
        parser.add_argument(
            "contacts", nargs="+", metavar="NUMBER", help="of a contact; - reads them from stdin"
        )
        parser.add_argument("--to", type=object_id, metavar="OPERATOR", help="id; for reassign")
        parser.add_argument(
            "--over-limit", action="store_true", help="may exceed the limit; needs a reason"
        )
        parser.add_argument("--reason", default="", help="kept with the contact")

    @no_translations
    def handle(self, *, move: str, contacts: list[str], **options: Any) -> None:
        work = self._work(move, options)
        contact_ids = _numbers(contacts)
        tally = Tally()
        progress = Progress(total=len(contact_ids), noun="contacts", out=self.stderr)
        for done, contact_id in enumerate(contact_ids):
            progress.update(count=done, done=done)
            try:
                tally.move(work, contact_id)
            except (OperationalError, InterfaceError) as error:
                progress.end()
                self._summarise(move, tally)
                raise CommandError(
                    f"The database failed at contact {contact_id}, after {done} of"
                    f" {len(contact_ids)}; whether that one was moved is not known."
                    f" {str(error).strip()}"
                ) from error
        progress.end()
        self._summarise(move, tally)
        if tally.refused:
            raise CommandError(f"Refused: {len(tally.refused)} of {len(contact_ids)}.")

    def _summarise(self, move: str, tally: Tally) -> None:
        rows = [
            ("moved", tally.moved),
            ("so already", tally.already),
            ("refused", len(tally.refused)),
            ("waiting ones that got a place", tally.assigned),
        ]
        for line in table_lines(("contacts", move), rows):
            self.stdout.write(line)
        for contact_id, why in tally.refused:
            self.stderr.write(f"{contact_id}: {why}")

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
