"""Statements said to SQLite in one call each, past what Django does about a cursor."""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from minicrm.databases.hot import FetchedRows


class HotCursor(FetchedRows):
    """A cursor for a few statements that come often; the driver keeps those prepared by itself."""

    def __init__(self, connection: sqlite3.Connection, errors: AbstractContextManager[Any]) -> None:
        super().__init__(errors)
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement with `%s` for each value, and fetch its rows."""
        with self._errors:
            self._rows = self._connection.execute(_with_marks(statement), values).fetchall()


@lru_cache(256)  # an import has one for each number of rows
def _with_marks(statement: str) -> str:
    return re.sub("%s", "?", statement)
