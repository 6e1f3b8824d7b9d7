"""restore: what a backup holds into an empty database."""

import shutil
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.db import Error as DatabaseFailure
from django.db import connection

from minicrm.backups import (
    ArchiveError,
    Manifest,
    OutcomeUnknown,
    Refused,
    check_archive,
    restore_archive,
)
from minicrm.backups.terminal import cleaning_up_when_ended, in_short, shown_progress
from minicrm.management.numbers import whole
from minicrm.transactions import LOCK_NOT_AVAILABLE, is_sqlite_lock, sqlstate

UNCHANGED = "The data in the database is as it was."


class Command(BaseCommand):
    help = (
        "Put what a backup holds into the database that DATABASE_URL names: an empty one, or with"
        " --replace one whose data is then gone. The file is checked first, and everything is"
        " restored or nothing. Stop the application before; afterwards everybody signs in again."
    )

    requires_system_checks = []  # whatever is wrong with the pages, the data can be saved

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the backup; - for standard input")
        parser.add_argument(
            "--replace",
            action="store_true",
            help="also if the database is in use: ALL ITS DATA GOES",
        )
        parser.add_argument(
            "--yes", action="store_true", help="with --replace: do not ask for the database's name"
        )
        parser.add_argument(
            "--skip-ids", type=whole, default=0, metavar="N",
            help="leave out N numbers for new rows, so that those given after the backup was"
            " written, and known to bots, are not given a second time",
        )  # fmt: skip

    @no_translations
    def handle(self, *, file: str, replace: bool, yes: bool, **options: Any) -> None:
        started = time.monotonic()
        try:
            with cleaning_up_when_ended(), _opened(file) as content:
                manifest = check_archive(content)
                size = content.seek(0, 2)
                if replace and not yes:
                    self._ask(manifest)
                with shown_progress(self.stderr, quiet=options["verbosity"] == 0) as advance:
                    restore_archive(
                        content,
                        manifest,
                        replace=replace,
                        skip_ids=options["skip_ids"],
                        advance=advance,
                    )
        except ArchiveError as error:
            raise CommandError(f"{file} cannot be restored: {error} {UNCHANGED}") from None
        except Refused as error:
            hint = "" if replace else " (--replace overwrites a database in use.)"
            raise CommandError(f"{error}{hint} {UNCHANGED}") from None
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror or error}. {UNCHANGED}") from None
        except OutcomeUnknown as error:
            raise CommandError(str(error)) from None
        except DatabaseFailure as error:
            raise CommandError(f"{_reason(error)} {UNCHANGED}") from None
        self._end(manifest, size, time.monotonic() - started)

    def _ask(self, manifest: Manifest) -> None:
        """Let somebody type the database's name; raise CommandError unless they do."""
        name = Path(str(connection.settings_dict["NAME"])).name
        if not sys.stdin.isatty():
            raise CommandError(f"--replace asks at a terminal, or takes --yes. {UNCHANGED}")
        self.stdout.write(
            f"The backup of {manifest.created_at} has {manifest.rows:,} rows. ALL DATA in the"
            f" {connection.vendor} database {name!r} will be replaced by it."
        )
        if input("Type the name of the database to go on: ").strip() != name:
            raise CommandError(f"That was not its name. {UNCHANGED}")

    def _end(self, manifest: Manifest, size: int, seconds: float) -> None:
        for name, table in manifest.tables.items():
            if table.rows:
                self.stdout.write(f"  {table.rows:>12,}  {name}")
        self.stdout.write(
            f"Restored: {in_short(manifest.rows, size, seconds)}. This is the state of"
            f" {manifest.created_at}; what came later is not in it."
        )
        call_command("check_loads", stdout=self.stdout)


def _opened(file: str) -> AbstractContextManager[IO[bytes]]:
    """Open the backup; what comes through a pipe is kept meanwhile, as it is read twice."""
    if file != "-":
        return Path(file).open("rb")
    kept = tempfile.TemporaryFile()  # noqa: SIM115  without a name, and for nobody else
    shutil.copyfileobj(sys.stdin.buffer, kept)
    return kept


def _reason(error: DatabaseFailure) -> str:
    if sqlstate(error) == LOCK_NOT_AVAILABLE or is_sqlite_lock(error):
        return "Somebody is using the database: stop the application first."
    return f"The database failed: {str(error).strip()}"
