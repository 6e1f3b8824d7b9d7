"""import_contacts: take in contacts from a CSV file."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.db import InterfaceError, OperationalError, reset_queries

from distribution.models import Source
from distribution.services import create_source
from leads.importing import interruption
from leads.importing.csv_file import CsvFile, CsvRow, ImportFileError
from leads.importing.rejected import RejectedFile, batch_of
from leads.importing.report import distribution_lines, summary_lines
from leads.importing.rows import FIELDS, Columns, RowError, checked, checked_source_name
from leads.services.import_sources import ACTOR, SourceFinder, source_named
from leads.services.imports import ContactImport, Tally
from leads.services.registration import Registration
from minicrm.errors import ServiceError
from minicrm.terminal import Progress
from minicrm.transactions import RunAgain

# Rows in one transaction: enough to share its price, few enough that nobody waits long for it.
AT_ONCE = 200
CHARACTERS_AT_ONCE = 1_000_000
INTERRUPTED = 130  # what shells report for a program ended by Ctrl-C
CONTINUE = "Run the same command again: it goes on from there, and nothing is added twice."


class Command(BaseCommand):
    help = (
        "Import contacts from a CSV file with a header line. Each row becomes a contact and goes to"
        " an operator like any other; rows that cannot be taken are written to FILE.rejected.csv."
        " Running the same file again, or a longer one, adds only what is new; rows are known by"
        " the batch, their place among equal rows, and the columns mapped. Example:"
        " manage.py import_contacts leads.csv --email mail --name full_name --source 'Web form'"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv", help="the file to read")
        for name in FIELDS:
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, metavar="COLUMN", help=f"the column with the {name}")
        payload = parser.add_mutually_exclusive_group()
        payload.add_argument(
            "--payload", metavar="COLUMN", action="append", default=[],
            help="a column to keep in the contact's payload under its own name; may be repeated",
        )  # fmt: skip
        payload.add_argument(
            "--payload-rest", action="store_true", help="keep all other columns in the payload"
        )
        _add_source_arguments(parser)
        parser.add_argument(
            "--batch",
            metavar="NAME",
            help="rows of one batch are added once; default: the file's name, without the folder",
        )
        parser.add_argument("--delimiter", default=",", help="default: a comma; 'tab' for a tab")
        parser.add_argument("--encoding", default="utf-8-sig", help="default: %(default)s")
        parser.add_argument(
            "--dry-run", action="store_true", help="check every row, but store nothing"
        )
        parser.add_argument(
            "--fail-on-rejected",
            action="store_true",
            help="exit with status 1 if rows are rejected",
        )

    @no_translations
    def handle(self, *, file: Path, **options: Any) -> None:
        tally = Tally()
        try:
            with CsvFile(
                file, encoding=options["encoding"], delimiter=_delimiter(options["delimiter"])
            ) as rows:
                self._import(rows, tally, options)
        except ImportFileError as error:
            raise CommandError(str(error)) from None
        except (OperationalError, InterfaceError, RunAgain) as error:
            raise CommandError(
                f"The database failed, rows done: {tally.total}. {str(error).strip()}\n{CONTINUE}"
            ) from error
        if tally.rejected and options["fail_on_rejected"]:
            raise CommandError(f"Rejected rows: {tally.rejected}.")

    def _import(self, rows: CsvFile, tally: Tally, options: dict[str, Any]) -> None:
        columns = _columns(rows.header, options)
        sources = _sources(options)
        contacts = ContactImport(
            sources, batch=options["batch"] or batch_of(rows.path), rehearse=options["dry_run"]
        )
        out = self.stderr if options["verbosity"] else None
        progress = Progress(total=rows.size, noun="rows", out=out)
        rejected = RejectedFile(rows, dry_run=options["dry_run"])
        line = 1
        try:
            for lot in _lots(rows):
                reset_queries()  # with DEBUG Django keeps them all, and these are long
                with interruption.put_off():
                    line = lot[-1].line  # Ctrl-C comes at the end of the block
                    for row, reason in _take(lot, columns, contacts, tally):
                        rejected.write(row, reason)
                progress.update(count=tally.total, done=rows.bytes_read)
        except KeyboardInterrupt:
            progress.end()
            self._stop(tally, line)
        finally:
            progress.end()
            rejected.close()
        for text in summary_lines(tally, progress.seconds(), dry_run=options["dry_run"]):
            self.stdout.write(text)
        if tally.rejected:
            self.stdout.write(f"\nRejected rows, each with its reason: {rejected.path}")
        if not options["dry_run"]:
            for text in distribution_lines(tally):
                self.stdout.write(text)

    def _stop(self, tally: Tally, line: int) -> NoReturn:
        self.stderr.write(
            f"Interrupted at line {line}: {tally.imported} imported,"
            f" {tally.replayed} already there, {tally.rejected} rejected.\n{CONTINUE}"
        )
        raise SystemExit(INTERRUPTED)


def _add_source_arguments(parser: CommandParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--source", metavar="NAME_OR_ID", help="the source of all rows")
    where.add_argument("--source-from", metavar="COLUMN", help="the column with the source's name")
    parser.add_argument(
        "--default-source", metavar="NAME", help="with --source-from: the source of blank cells"
    )
    parser.add_argument(
        "--create-sources", action="store_true", help="create the sources that are missing"
    )


def _delimiter(text: str) -> str:
    delimiter = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise CommandError("--delimiter must be one character, or 'tab'.")
    return delimiter


def _columns(header: list[str], options: dict[str, Any]) -> Columns:
    return Columns.choose(
        header,
        fields={name: options[name] for name in FIELDS if options[name] is not None},
        payload=options["payload"],
        payload_rest=options["payload_rest"],
        source=options["source_from"],
    )


def _sources(options: dict[str, Any]) -> SourceFinder:
    """Return how rows find their sources; a source named on the command line must be there."""
    create = options["create_sources"]
    fixed = default = None
    if options["default_source"] is not None:
        if options["source"] is not None:
            raise CommandError("--default-source goes with --source-from.")
        default = _source_name(options["default_source"])
        if not create and not Source.objects.filter(name=default).exists():
            raise _unknown_source(default)
    if options["source"] is not None:
        name = options["source"]
        fixed = source_named(name)
        if fixed is None and create and not name.isdigit() and not options["dry_run"]:
            fixed = create_source(name=_source_name(name), actor=ACTOR)
        if fixed is None:
            raise _unknown_source(name)
    return SourceFinder(fixed=fixed, default=default, create=create)


def _source_name(text: str) -> str:
    try:
        return checked_source_name(text)
    except RowError as error:
        raise CommandError(str(error)) from None


def _unknown_source(name: str) -> CommandError:
    return CommandError(f"There is no source {name!r}; --create-sources creates it.")


def _lots(rows: Iterable[CsvRow]) -> Iterator[list[CsvRow]]:
    """Yield the rows in lots; those before an unreadable line are still one."""
    lot: list[CsvRow] = []
    size = 0
    try:
        for row in rows:
            lot.append(row)
            size += sum(map(len, row.cells))
            if len(lot) == AT_ONCE or size > CHARACTERS_AT_ONCE:
                yield lot
                lot, size = [], 0
    except ImportFileError:
        yield from [lot] if lot else []
        raise
    yield from [lot] if lot else []


def _take(
    lot: list[CsvRow], columns: Columns, contacts: ContactImport, tally: Tally
) -> Iterator[tuple[CsvRow, str]]:
    """Import rows, and count them; yield those that were refused, each with the reason."""
    read = [_read(row, columns) for row in lot]
    outcomes = iter(contacts.add([values for values in read if not isinstance(values, str)]))
    for row, values in zip(lot, read, strict=True):
        outcome = values if isinstance(values, str) else next(outcomes)
        if isinstance(outcome, Registration):
            tally.add(outcome)
        else:
            tally.rejected += 1
            yield row, _reason(outcome)


def _read(row: CsvRow, columns: Columns) -> dict[str, Any] | str:
    """Return the values of a row, or why it is refused."""
    if row.error is not None:
        return row.error
    try:
        return checked(columns.read(row.cells))
    except RowError as error:
        return str(error)


def _reason(refusal: str | ServiceError) -> str:
    if isinstance(refusal, str):
        return refusal
    return f"{refusal.field}: {refusal.message}" if refusal.field else refusal.message
