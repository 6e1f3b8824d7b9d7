"""migrate: Django's own, which on PostgreSQL never lets the traffic queue up behind it."""

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration

from minicrm.management.numbers import positive
from minicrm.migrating.locks import impatient, lock_holders
from minicrm.migrating.repeating import is_repeatable
from minicrm.transactions import RETRYABLE_SQLSTATES, sqlstate

LOCK_MS = 1_000  # well below the 3 s after which requests behind it would fail
TRIES = 20
PAUSE_SECONDS = 3.0


class Command(migrate.Command):
    """Gives up a lock soon, lets the traffic pass, says who holds it, and tries again."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-timeout", type=positive, default=LOCK_MS, metavar="MS",
            help="PostgreSQL: milliseconds to wait for a lock; requests wait behind it meanwhile."
            " Default: %(default)s",
        )  # fmt: skip
        parser.add_argument(
            "--lock-tries", type=positive, default=TRIES, metavar="N",
            help="PostgreSQL: how often to try, with pauses. Default: %(default)s",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        self._migration: Migration | None = None  # the one under way
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        tries = options["lock_tries"]
        for number in range(1, tries + 1):
            try:
                with impatient(connection, lock_ms=options["lock_timeout"]):
                    super().handle(*args, **options)
                return
            except OperationalError as error:
                if not self._is_about_locks(error):
                    raise
                reason = self._reason(connection, options["lock_timeout"])
            if number < tries:
                self._tell(f"{reason} Try {number + 1} of {tries} in {PAUSE_SECONDS:.0f} s.")
                time.sleep(PAUSE_SECONDS)
        raise CommandError(
            f"{reason} Gave up after {tries} tries. {self._outcome()} The application goes on as it"
            " did. Run migrate again at a quieter time, or end what is in its way:"
            " SELECT pg_terminate_backend(PROCESS)."
        )

    def migration_progress_callback(
        self, action: str, migration: Migration | None = None, fake: bool = False
    ) -> None:
        if action in ("apply_start", "unapply_start"):
            self._migration = migration
        elif action in ("apply_success", "unapply_success"):
            self._migration = None
        super().migration_progress_callback(action, migration, fake)

    def _is_about_locks(self, error: OperationalError) -> bool:
        """Whether it failed for a lock, and what failed may be run again.

        What is done beside the migrations may be: Django does it at every call.
        """
        again = self._migration is None or is_repeatable(self._migration)
        return again and sqlstate(error) in RETRYABLE_SQLSTATES

    def _reason(self, connection: BaseDatabaseWrapper, lock_ms: int) -> str:
        holders = ", ".join(map(str, lock_holders(connection)))
        if self._migration is None:
            what = "What is done beside the migrations did not get its locks in time"
        else:
            what = f"{self._migration} did not get its locks within {lock_ms} ms"
        return f"{what}; they may be held by {holders or 'transactions that have ended since'}."

    def _outcome(self) -> str:
        if self._migration is None:
            return "No migration was broken off; permissions or content types may be missing."
        return f"{self._migration} is not applied; those before it are."

    def _tell(self, text: str) -> None:
        if self.verbosity:
            self.stdout.write("")
            self.stderr.write(text)
            self.stderr.flush()
