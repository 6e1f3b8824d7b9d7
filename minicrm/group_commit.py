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

from django.db import IntegrityError, OperationalError, connection, transaction

from minicrm.databases import is_postgresql
from minicrm.failures import refuse_replaced_file
from minicrm.transactions import RunAgain, is_retryable, retried_read

P = ParamSpec("P")
R = TypeVar("R")

WAIT_SECONDS = 20  # longer than a turn, a lock and the work take; less than gunicorn waits
# Guards who is let into which group.
_door = threading.Lock()
_forming: "_Group | None" = None


def retried_in_group(func: Callable[P, R]) -> Callable[P, R]:
    """Run `func` in `transaction.atomic`, and again, as `retried` does; on SQLite with others.

    They do not notice one another: what one raises undoes its own work alone, and nobody returns
    before all is stored. Where the transaction fails, each of the others runs again, unless it may
    have been stored. `func` may be run by another thread of the process: with the caller's context
    variables, but in the language and time zone of the settings.
    """

    @wraps(func)
    def in_group(*args: P.args, **kwargs: P.kwargs) -> R:
        if is_postgresql() or connection.in_atomic_block:
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
        group.wait()
    return piece.outcome()


def _join(work: Callable[[], Any]) -> "tuple[_Group, _Piece, bool]":
    global _forming
    piece = _Piece(work)
    with _door:
        is_first = _forming is None
        group = _forming or _Group()
        group.pieces.append(piece)
        _forming = group
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
        self._is_stored = self._is_committing = False
        self._doubt: BaseException | None = None
        self._is_over = threading.Event()

    def do_all(self) -> None:
        """Do everything in one transaction, or raise."""
        try:
            with transaction.atomic():  # waits for our turn, while others join
                self._close()
                refuse_replaced_file()  # each caller's own connection was looked at, ours is used
                transaction.on_commit(self._note)
                self._do_each()
                self._is_committing = True
        except IntegrityError as error:
            if len(self.pieces) == 1:
                raise
            # Found at the commit: anybody's.
            raise RunAgain("the transaction breaks a rule of the database") from error
        except BaseException as error:
            if self._is_committing and not is_retryable(error):
                self._doubt = error
            raise
        finally:
            self._close()
            self._is_over.set()

    def wait(self) -> None:
        """Wait until another thread has stored our piece, or raise."""
        if not self._is_over.wait(WAIT_SECONDS):
            raise OperationalError("Who was to store this does not come to an end.")
        if self._doubt is not None:
            # As where one commits alone: it may have been stored, so nothing is tried again.
            raise OperationalError("The commit has failed.") from self._doubt.__cause__
        if not self._is_stored:
            raise RunAgain("the transaction that it was a part of has failed")

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
        self._is_stored = True


def _forget() -> None:
    """Begin anew in a forked process: the parent's threads are not there."""
    global _door, _forming
    _door = threading.Lock()
    _forming = None


os.register_at_fork(after_in_child=_forget)
