"""What is different about our connections to SQLite."""

# What Django calls its own, and its type information leaves out, is what a backend is made of.
# mypy: disable-error-code="misc, attr-defined, call-arg"

import contextlib
import sqlite3
from collections.abc import Callable
from typing import Any

from django.db.backends.sqlite3 import base

from minicrm.databases.hot import HasHotCursors
from minicrm.databases.sqlite3.calls import HotCursor
from minicrm.databases.sqlite3.log import Log, log_of
from minicrm.databases.sqlite3.queue import Turn, queue_of


class DatabaseWrapper(HasHotCursors, base.DatabaseWrapper):
    """Django's connection, whose transactions wait for their turn, and for the disk after it.

    Left to themselves, those who find the database locked look again after longer and longer naps,
    while whoever comes by at the right moment is served first: with eight at work, one in a
    hundred waited twenty times as long as most.

    Whoever commits writes to the log, lets the next one go on, and waits for the disk then, before
    anybody is told that it is stored. Who reads outside of a transaction may see it that much
    earlier. A statement outside of one waits for the disk by itself (`synchronous=FULL`).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turn: Turn | None = None
        self._log: Log | None = None
        self._waits_itself = True

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, and look for the file's write-ahead log."""
        connection = super().get_new_connection(conn_params)
        path = log_of(connection)
        self._log, self._waits_itself = Log(path) if path else None, True
        return connection

    def _start_transaction_under_autocommit(self) -> None:
        try:
            self._let_wait(itself=False)
            with self.execute_wrapper(self._in_turn):
                super()._start_transaction_under_autocommit()
        except BaseException:
            self._end_turn()
            self._let_wait(itself=True)
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
        try:
            super()._commit()
            self._end_turn()
            # Also where nothing was written: what was read may be told, as an earlier answer is.
            if self._log and not self._waits_itself:
                with self.wrap_database_errors:
                    self._log.sync(self.connection)
        finally:
            self._let_wait(itself=True)

    def _rollback(self) -> None:
        try:
            super()._rollback()
        finally:
            self._end_turn()
            self._let_wait(itself=True)

    def _close(self) -> None:
        try:
            super()._close()
        finally:
            self._end_turn()
            if self._log:
                self._log.close()
                self._log = None

    def _new_hot_cursor(self, *, prepares: bool) -> HotCursor:
        return HotCursor(self.connection, self.wrap_database_errors)

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.end()

    def _let_wait(self, *, itself: bool) -> None:
        """Have SQLite wait for the disk itself when it commits, or leave that to us."""
        if self._log and itself != self._waits_itself and (itself or self._log.hold()):
            with contextlib.suppress(sqlite3.Error):  # of a broken file, what comes next tells
                self.connection.execute(f"PRAGMA synchronous={'FULL' if itself else 'NORMAL'}")
                self._waits_itself = itself
