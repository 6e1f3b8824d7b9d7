"""Restoring: the rows of an archive, all of them or none, in place of what the database holds."""

from collections.abc import Callable
from itertools import chain, islice
from typing import IO

from django.core.management import call_command
from django.db import DataError, IntegrityError, connection
from django.db.models import Model

from minicrm.backups.archive import read_parts, told_plainly
from minicrm.backups.committing import all_or_nothing
from minicrm.backups.compatibility import (
    Refused,
    check_versions,
    migrations_to_run,
    rows_of_others,
)
from minicrm.backups.manifest import ArchiveError, Manifest
from minicrm.backups.sequences import continue_after
from minicrm.backups.snapshot import count_rows
from minicrm.backups.tables import (
    backed_up_models,
    columns,
    line_as_values,
    managed_models,
    table_name,
)

BATCH_ROWS = 500
# Of weights, each statement has a trigger renew a number; of contacts, each may have 80 KB.
STATEMENT_ROWS = 50
Advance = Callable[[int, int], None]


def restore_archive(
    file: IO[bytes], manifest: Manifest, *, replace: bool, skip_ids: int, advance: Advance
) -> None:
    """Make the database what the archive says, in one transaction; it was checked before.

    Tables that are not there yet are created first. A database in use is Refused unless `replace`;
    ArchiveError and the database's errors leave everything as it was; of OutcomeUnknown nobody
    knows. New rows get numbers above those of the archive, and `skip_ids` above that.
    """
    check_versions(manifest)
    if migrations_to_run(connection):
        call_command("migrate", interactive=False, verbosity=0)
    with all_or_nothing():
        _keep_others_out()
        if not replace and (used := rows_of_others(connection)):
            raise Refused(f"The database is in use: there are rows in {', '.join(used)}.")
        _clear()
        _insert_all(file, manifest, advance)
        _check_references()
        _compare_rows(manifest)
        for model in backed_up_models():
            last_id = manifest.tables[table_name(model)].last_id
            if last_id is not None:
                continue_after(model, last_id + skip_ids, connection)
        _count_afresh()
    _forget_content_types()


def _keep_others_out() -> None:
    """Let nobody else write, or read a half-restored state, until the transaction ends.

    On SQLite the transaction itself is the only writer, and readers see the state before it.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute(f"LOCK TABLE {', '.join(_tables())} IN ACCESS EXCLUSIVE MODE")


def _clear() -> None:
    """Empty every table, by plain SQL: of what may not be deleted otherwise, too."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(_tables())}")
        else:
            for table in _tables():
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608


def _tables() -> list[str]:
    return [connection.ops.quote_name(model._meta.db_table) for model in managed_models()]


@told_plainly()
def _insert_all(file: IO[bytes], manifest: Manifest, advance: Advance) -> None:
    models = {table_name(model): model for model in backed_up_models()}
    done = 0
    for name, content in read_parts(file):
        if name not in models:
            continue  # the format and the manifest; the rest was compared with the code's tables
        lines = iter(content)
        while batch := list(islice(lines, BATCH_ROWS)):
            _insert(models[name], batch)
            done += len(batch)
            advance(done, manifest.rows)


def _insert(model: type[Model], lines: list[bytes]) -> None:
    fields = columns(model)
    quote = connection.ops.quote_name
    names = ", ".join(quote(field.column or field.attname) for field in fields)
    place = f"({', '.join(['%s'] * len(fields))})"
    table = quote(model._meta.db_table)
    try:
        rows = iter([line_as_values(line, fields, connection) for line in lines])
        with connection.cursor() as cursor:
            while some := list(islice(rows, STATEMENT_ROWS)):
                places = ", ".join([place] * len(some))
                sql = f"INSERT INTO {table} ({names}) VALUES {places}"  # noqa: S608
                cursor.execute(sql, list(chain.from_iterable(some)))
    except (ArchiveError, IntegrityError, DataError) as error:
        raise ArchiveError(f"table {table_name(model)}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    """Return what the error says, without the values of the row, which stand in the next lines."""
    return str(error).partition("\n")[0]


def _check_references() -> None:
    try:
        connection.check_constraints()
    except IntegrityError as error:
        raise ArchiveError(_first_line(error)) from error


def _compare_rows(manifest: Manifest) -> None:
    for model in backed_up_models():
        found, wanted = count_rows(model, connection), manifest.tables[table_name(model)].rows
        if found != wanted:
            raise ArchiveError(f"table {table_name(model)} has {found} rows instead of {wanted}.")


def _count_afresh() -> None:
    """Let PostgreSQL count how much there is of what: before the end, so without a time limit."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(_tables())}")


def _forget_content_types() -> None:
    """Forget the numbers that they had before; asks the database nothing, so it cannot fail."""
    for model in backed_up_models():
        clear_cache = getattr(model._default_manager, "clear_cache", None)
        if clear_cache is not None:
            clear_cache()
