"""Reading a CSV file row by row.

Bytes that are no text in the file's encoding come through as lone surrogates, so that one bad row
can be refused, and written out again as it was.
"""

import codecs
import csv
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO, cast

MAX_LINE = 1024 * 1024  # characters; a longer line means that this is no CSV file

UNREADABLE = re.compile("[\udc80-\udcff]")  # how bytes that are no text come through


class ImportFileError(Exception):
    """The file as a whole cannot be read or does not fit the columns named."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One record: the line it begins in, and its cells, or what is wrong with it."""

    line: int
    cells: list[str]
    error: str | None = None


class CsvFile:
    """A CSV file with a header line, read row by row; blank lines are skipped."""

    def __init__(self, path: Path, *, encoding: str, delimiter: str) -> None:
        """Open the file and read its header. Raises ImportFileError."""
        self.path = path
        self.encoding = encoding
        self.delimiter = delimiter
        self._file = open_text(path, encoding, "r")
        self._record: list[str] = []
        self._reader = csv.reader(self._lines(), delimiter=delimiter, strict=True)
        try:
            self.size = os.fstat(self._file.fileno()).st_size
            self.header = next((row.cells for row in self._records() if not row.error), [])
        except ImportFileError:
            self._file.close()
            raise
        if not self.header:
            self._file.close()
            raise ImportFileError(f"{path} has no header line.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[CsvRow]:
        """Yield the rows below the header."""
        for row in self._records():
            yield row if row.error else CsvRow(row.line, row.cells, self._problem(row.cells))

    @property
    def bytes_read(self) -> int:
        """How far reading has come, of `size`."""
        return self._file.buffer.tell()

    def _records(self) -> Iterator[CsvRow]:
        while True:
            line = self._reader.line_num + 1
            self._record.clear()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                last = self._reader.line_num
                where = f" (lines {line} to {last}; is a quotation mark open?)"
                yield CsvRow(
                    line,
                    ["".join(self._record).rstrip("\r\n")],
                    f"not CSV: {error}{where if last > line else ''}",
                )
                continue
            if cells:
                yield CsvRow(line, cells)

    def _problem(self, cells: list[str]) -> str | None:
        if len(cells) != len(self.header):
            return f"{len(cells)} columns instead of {len(self.header)}"
        if any(map(UNREADABLE.search, cells)):
            return f"holds bytes that are not {self.encoding}"
        return None

    def _lines(self) -> Iterator[str]:
        """Yield the file's lines and keep those of the present record, for a refusal."""
        while line := self._read_line():
            if len(line) == MAX_LINE and not line.endswith(("\n", "\r")):
                raise ImportFileError(f"{self.path} has a line of more than {MAX_LINE} characters.")
            self._record.append(line)
            yield line

    def _read_line(self) -> str:
        try:
            return self._file.readline(MAX_LINE)
        except UnicodeError as error:
            raise ImportFileError(
                f"{self.path} is not {self.encoding} ({error}); name another one with --encoding."
            ) from None


def open_text(path: Path, encoding: str, mode: str) -> TextIO:
    """Open a file; bytes that are no text come as lone surrogates. Raises ImportFileError."""
    try:
        codecs.lookup(encoding)
        file = path.open(mode, encoding=encoding, errors="surrogateescape", newline="")
        return cast(TextIO, file)
    except LookupError:
        raise ImportFileError(f"There is no encoding {encoding!r}.") from None
    except OSError as error:
        verb = "read" if mode == "r" else "write"
        raise ImportFileError(f"Cannot {verb} {path}: {error.strerror}.") from None
