"""What both backends have for the few statements that come with every contact."""

# What Django calls its own, and its type information leaves out, is what a backend is made of.
# mypy: disable-error-code="attr-defined"

from contextlib import AbstractContextManager
from typing import Any, Self


class FetchedRows:
    """The half of a cursor that hands out rows, all of which a statement has fetched."""

    def __init__(self, errors: AbstractContextManager[Any]) -> None:
        """Make Django's errors of the driver's with `errors`."""
        self._errors = errors
        self._rows: list[tuple[Any, ...]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, or None after the last."""
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        rows, self._rows = self._rows, []
        return rows

    def close(self) -> None:
        """Forget the rows."""
        self._rows = []


class HasHotCursors:
    """A connection with cursors that go past Django's, which takes thirty calls for a statement."""

    def hot_cursor(self, *, prepares: bool) -> Any:
        """Return a cursor for statements with `%s` for each value; `%%` is not read as `%`.

        It is for a statement or two: whether the transaction is broken is looked at here alone.
        """
        if not self.in_atomic_block:  # there, to begin was to look
            self.close_if_health_check_failed()
            self.ensure_connection()
        self.validate_no_broken_transaction()
        cursor = self._new_hot_cursor(prepares=prepares)
        if self.execute_wrappers or self.queries_logged:
            return self._prepare_cursor(cursor)  # somebody wants to hear of each statement
        return cursor

    def _new_hot_cursor(self, *, prepares: bool) -> FetchedRows:
        """Return a cursor of the driver's."""
        raise NotImplementedError
