"""The rows of a file that were refused."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from leads.importing.csv_file import CsvFile, CsvRow, ImportFileError, open_text

SUFFIX = ".rejected.csv"
DRY_RUN_SUFFIX = ".dry-run.rejected.csv"


def batch_of(path: Path) -> str:
    """Return the batch of a file's rows: its name, for rejected rows that of the file they were in.

    So rows that are mended in the rejected file and imported from there are still the same rows.
    """
    name = path.name.removesuffix(DRY_RUN_SUFFIX).removesuffix(SUFFIX)
    return name if name == path.name else f"{name}.csv"


class RejectedFile:
    """The rows refused, as they were, each with its line and the reason; `FILE.rejected.csv`.

    An older one is removed at the start. The file comes into being with the first row.
    """

    def __init__(self, source: CsvFile, *, dry_run: bool = False) -> None:
        """Remove what an earlier run left. Raises ImportFileError.

        A dry run has a file of its own: the rows that are really missing stay on record.
        """
        self._source = source
        path = source.path
        suffix = DRY_RUN_SUFFIX if dry_run else SUFFIX
        self.path = path.with_name(path.name.removesuffix(".csv") + suffix)
        self._file: TextIO | None = None
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise ImportFileError(f"Cannot replace {self.path}: {error.strerror}.") from None

    def write(self, row: CsvRow, reason: str) -> None:
        """Add a row. Cells beyond the header's columns come last. Raises ImportFileError."""
        header = self._source.header
        if self._file is None:
            self._file = open_text(self.path, self._source.encoding, "w")
            self._write([*header, "line", "reason"])
        cells = row.cells + [""] * (len(header) - len(row.cells))
        self._write([*cells[: len(header)], row.line, reason, *cells[len(header) :]])

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()

    def _write(self, cells: Sequence[object]) -> None:
        assert self._file is not None  # noqa: S101
        csv.writer(self._file, delimiter=self._source.delimiter).writerow(cells)
        self._file.flush()  # what was said to be refused is there, whatever comes next
