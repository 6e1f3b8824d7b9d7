"""backup: the whole database into one file."""

import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.db import Error as DatabaseFailure

from minicrm.backups import ArchiveError, Manifest, Refused, check_archive, write_backup
from minicrm.backups.archive import Output
from minicrm.backups.files import (
    Counted,
    keep_newest,
    new_name,
    record_backup,
    remove_abandoned,
    written_whole,
)
from minicrm.backups.terminal import (
    cleaning_up_when_ended,
    give_up_standard_output,
    in_short,
    shown_progress,
)
from minicrm.management.numbers import positive

DEFAULT_FOLDER = "backups"  # in DATA_DIR


class Command(BaseCommand):
    help = (
        "Write everything in the database, as it is at this moment, into one file that 'restore'"
        " reads on SQLite and on PostgreSQL alike. The application may go on working meanwhile."
        " The file holds personal data and hashes of passwords and keys, is not encrypted, and"
        " only its owner can read it. Without FILE it goes into the folder, under the time's name."
    )

    requires_system_checks = []  # whatever is wrong with the pages, the data can be saved

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", nargs="?", metavar="FILE",
            help="write to this file (- for standard output); one that is there is replaced",
        )  # fmt: skip
        parser.add_argument(
            "--folder", type=Path, metavar="DIR",
            help="write a new file into this folder; default: backups in DATA_DIR",
        )  # fmt: skip
        parser.add_argument(
            "--keep", type=positive, metavar="N",
            help="afterwards remove all but the newest N files of the folder's own",
        )  # fmt: skip
        parser.add_argument(
            "--verify", type=Path, metavar="FILE",
            help="check that a backup is whole and undamaged; needs no database",
        )  # fmt: skip

    @no_translations
    def handle(self, *, file: str | None, verify: Path | None, **options: Any) -> None:
        folder, keep = options["folder"], options["keep"]
        if sum((file is not None, folder is not None, verify is not None)) > 1:
            raise CommandError("Give one of FILE, --folder and --verify.")
        if keep and (file is not None or verify is not None):
            raise CommandError("--keep goes with --folder.")
        self._started = time.monotonic()
        self._piped = file == "-"
        self._quiet = options["verbosity"] == 0
        with cleaning_up_when_ended():
            if verify is not None:
                self._verify(verify)
            elif self._piped:
                self._write_to_pipe()
            else:
                self._write_to(_target(file, folder), keep, named=file is not None)

    def _verify(self, path: Path) -> None:
        try:
            with path.open("rb") as content:
                manifest = check_archive(content)
        except (ArchiveError, OSError) as error:
            raise CommandError(f"{path}: {error}") from None
        self._tell(
            f"{path} is whole: {manifest.rows:,} rows in {len(manifest.tables)} tables, written"
            f" {manifest.created_at} by version {manifest.version} on {manifest.database}."
        )

    def _write_to_pipe(self) -> None:
        if sys.stdout.isatty():
            raise CommandError("A backup is no text for a terminal; give a file, or use a pipe.")
        out = Counted(sys.stdout.buffer)
        try:
            manifest = self._write(out)
        except OSError as error:
            give_up_standard_output()
            raise _not_written("standard output", error) from None
        self._end("-", manifest, out.size)

    def _write_to(self, target: Path, keep: int | None, *, named: bool) -> None:
        try:
            if not named:
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            remove_abandoned(target.parent)
            with written_whole(target) as content:
                manifest = self._write(content)
        except OSError as error:
            raise _not_written(str(target), error) from None
        self._end(str(target), manifest, target.stat().st_size)
        if keep:
            self._remove_old(target.parent, keep)

    def _remove_old(self, folder: Path, keep: int) -> None:
        try:
            gone, failures = keep_newest(folder, keep)
        except OSError as error:
            gone, failures = [], [error]
        for old in gone:
            self._tell(f"Removed: {old}")
        if failures:
            reasons = "; ".join(f"{error.filename}: {error.strerror}" for error in failures)
            raise CommandError(f"The backup is written, but old ones are not removed: {reasons}.")

    def _write(self, out: Output) -> Manifest:
        try:
            with shown_progress(self.stderr, quiet=self._quiet) as advance:
                manifest = write_backup(out, advance=advance)
                out.flush()
                return manifest
        except Refused as error:
            raise CommandError(str(error)) from None
        except DatabaseFailure as error:
            reason = str(error).strip()
            raise CommandError(f"No backup was written, as the database failed: {reason}") from None

    def _end(self, file: str, manifest: Manifest, size: int) -> None:
        seconds = time.monotonic() - self._started
        self._tell(f"Backup written: {file} ({in_short(manifest.rows, size, seconds)}).")
        try:
            record_backup(file, manifest, size)
        except OSError as error:
            self.stderr.write(f"The backup could not be noted in DATA_DIR: {error}")

    def _tell(self, text: str) -> None:
        """Write to standard output, or beside it when it is the backup."""
        if not self._quiet:
            out = self.stderr if self._piped else self.stdout
            out.write(text, style_func=str)


def _target(file: str | None, folder: Path | None) -> Path:
    if file is not None:
        return Path(file).absolute()
    return (folder or settings.DATA_DIR / DEFAULT_FOLDER).absolute() / new_name()


def _not_written(name: str, error: OSError) -> CommandError:
    return CommandError(f"No backup was written to {name}: {error.strerror or error}.")
