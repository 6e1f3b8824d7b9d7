"""Group commit: pieces of work that wait for SQLite's one writer together share its transaction.

To commit is to wait for the disk, which takes longer than all else that an arrival does. Whoever
is first waits for the turn to write; who comes to the same process meanwhile hands their work over.
The first does it all, each piece in a savepoint of its own, and one COMMIT stores it. PostgreSQL
has many writers, and does the like by itself.
"""

import contextvars
import os
import threading
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from django.db import connection, transaction

from minicrm.transactions import RunAgain, retried_read

P = ParamSpec("P")
R = TypeVar("R")

# Guards who is let into which group.
_door = threading.Lock()
_forming: "_Group | None" = None


def retried_in_group(func: Callable[P, R]) -> Callable[P, R]:
    """Run `func` in `transaction.atomic`, and again, as `retried` does; on SQLite with others.

    They do not notice one another: what one raises undoes its own work alone, and nobody returns
    before all is stored. Where the transaction fails, each of the others runs again. `func` may be
    run by another thread of the process, with the caller's context variables.
    """

    @wraps(func)
    def in_group(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.vendor != "sqlite" or connection.in_atomic_block:
            with transaction.atomic():
                return func(*args, **kwargs)
        result: R = _run(partial(func, *args, **kwargs))
        return result

    return retried_read(in_group)


def joined() -> int:
    """Return how many wait for one transaction that has not begun."""
    with _door:
        return len(_forming.pieces) if _forming else 0


def _run(work: Callable[[], Any]) -> Any:
    group, piece, is_first = _join(work)
    if is_first:
        group.do_all()
    else:
        group.is_over.wait()
        if not group.is_stored:
            raise RunAgain("the transaction that it was a part of has failed")
    return piece.outcome()


def _join(work: Callable[[], Any]) -> "tuple[_Group, _Piece, bool]":
    global _forming
    piece = _Piece(work)
    with _door:
        is_first = _forming is None
        group = _forming = _forming or _Group()
        group.pieces.append(piece)
    return group, piece, is_first


class _Piece:
    """Work that somebody waits for, and what came of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._context = contextvars.copy_context()
        self._result: Any = None
        self._error: Exception | None = None

    def do(self) -> None:
        """Do the work; raises what it raises."""
        self._result = self._context.run(self._work)

    def try_to_do(self) -> None:
        """Do the work in a savepoint, and keep what it raises."""
        try:
            with transaction.atomic():
                self.do()
        except Exception as error:
            self._error = error

    def outcome(self) -> Any:
        """Return the result, or raise what the work raised."""
        if self._error is not None:
            raise self._error
        return self._result


class _Group:
    """The pieces of one transaction; the first one's thread does them all."""

    def __init__(self) -> None:
        self.pieces: list[_Piece] = []
        self.is_stored = False
        self.is_over = threading.Event()

    def do_all(self) -> None:
        """Do everything in one transaction, or raise."""
        try:
            with transaction.atomic():  # waits for our turn, while others join
                self._close()
                transaction.on_commit(self._note)
                self._do_each()
        finally:
            self._close()
            self.is_over.set()

    def _do_each(self) -> None:
        if len(self.pieces) == 1:
            self.pieces[0].do()
            return
        for piece in self.pieces:
            piece.try_to_do()
        if connection.needs_rollback:  # Django would roll back, and say nothing
            raise RunAgain("a savepoint was lost, and the transaction with it")

    def _close(self) -> None:
        """Let nobody join any more."""
        global _forming
        with _door:
            if _forming is self:
                _forming = None

    def _note(self) -> None:
        self.is_stored = True


def _forget() -> None:
    """Begin anew in a forked process: the parent's threads are not there."""
    global _door, _forming
    _door = threading.Lock()
    _forming = None


os.register_at_fork(after_in_child=_forget)
