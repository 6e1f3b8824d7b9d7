"""Writing a backup: every table of one snapshot into one archive."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from minicrm import __version__
from minicrm.backups.archive import ArchiveWriter, Output
from minicrm.backups.compatibility import check_schema
from minicrm.backups.manifest import Manifest, TableFacts
from minicrm.backups.sequences import last_given_id
from minicrm.backups.snapshot import applied_migrations, count_rows, snapshot
from minicrm.backups.tables import backed_up_models, counts_up, read_rows, row_as_line, table_name

Advance = Callable[[int, int], None]


def write_backup(out: Output, *, advance: Advance) -> Manifest:
    """Write the state of the database at this moment to `out`, and return what was written.

    `advance` is told after every row how many of how many are written. Raises OSError where `out`
    does not take it, Refused for a schema that is not this version's, and the database's errors.
    """
    started = datetime.now(UTC).isoformat()  # whatever was committed before it is in the snapshot
    with snapshot() as connection:
        migrations = applied_migrations(connection)
        check_schema(set(migrations))
        models = backed_up_models()
        total = sum(count_rows(model, connection) for model in models)
        archive = ArchiveWriter(out)
        tables: dict[str, TableFacts] = {}
        done = 0
        for model in models:
            rows = _Rows(model, connection, lambda count: advance(done + count, total))  # noqa: B023
            written, digest = archive.add_table(table_name(model), rows)
            done += written
            tables[table_name(model)] = TableFacts(written, digest, rows.last_id())
        manifest = Manifest(__version__, started, connection.vendor, migrations, tables)
        archive.close(manifest)
        return manifest


class _Rows:
    """A table's rows as lines; remembers the highest number among them."""

    def __init__(
        self, model: type[Model], connection: BaseDatabaseWrapper, advance: Callable[[int], None]
    ) -> None:
        self._model, self._connection, self._advance = model, connection, advance
        self._highest = 0

    def __iter__(self) -> Iterator[bytes]:
        key = self._model._meta.pk.attname
        for count, row in enumerate(read_rows(self._model, self._connection), start=1):
            if isinstance(row[key], int):
                self._highest = row[key]
            self._advance(count)
            yield row_as_line(row)

    def last_id(self) -> int | None:
        """Return the highest number ever given, of which the sequence may know less or more."""
        if not counts_up(self._model):
            return None
        return max(self._highest, last_given_id(self._model, self._connection))
