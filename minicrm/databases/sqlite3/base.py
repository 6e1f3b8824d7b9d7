"""What is different about our connections to SQLite."""

# What Django calls its own, and its type information leaves out, is what a backend is made of.
# mypy: disable-error-code="misc, attr-defined, call-arg"

import sqlite3
from collections.abc import Callable
from typing import Any

from django.db.backends.sqlite3 import base

from minicrm.databases.sqlite3.queue import Turn, queue_of


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection, whose transactions wait for their turn before they begin.

    Left to themselves, those who find the database locked look again after longer and longer naps,
    while whoever comes by at the right moment is served first: with eight at work, one in a
    hundred waited twenty times as long as most.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turn: Turn | None = None

    def _start_transaction_under_autocommit(self) -> None:
        try:
            with self.execute_wrapper(self._in_turn):
                super()._start_transaction_under_autocommit()
        except BaseException:
            self._end_turn()
            raise

    def _in_turn(self, execute: Callable[..., Any], *args: Any) -> Any:
        """Execute BEGIN when it is our turn."""
        if not self.is_in_memory_db():
            with self.wrap_database_errors:
                self._turn = self._wait()
        return execute(*args)

    def _wait(self) -> Turn:
        queue = queue_of(str(self.settings_dict["NAME"]))
        (milliseconds,) = self.connection.execute("PRAGMA busy_timeout").fetchone()
        turn = queue.wait(milliseconds / 1000)
        if turn is None:
            raise sqlite3.OperationalError("database is locked")
        return turn

    def _commit(self) -> None:
        super()._commit()
        self._end_turn()

    def _rollback(self) -> None:
        try:
            super()._rollback()
        finally:
            self._end_turn()

    def _close(self) -> None:
        try:
            super()._close()
        finally:
            self._end_turn()

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.end()
