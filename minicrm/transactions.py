"""Transactions that are run again when the database gave up on them, not on the work itself."""

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import (
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)
from django.db.transaction import TransactionManagementError

P = ParamSpec("P")
R = TypeVar("R")

MAX_ATTEMPTS = 12
# Together with the last attempt's own lock timeout this stays under gunicorn's 30 seconds.
RETRY_FOR_SECONDS = 12.0
LONGEST_PAUSE = 32  # as a multiple of the shortest; each is twice as long as the one before

LOCK_NOT_AVAILABLE = "55P03"
# feature_not_supported: a prepared statement's columns have other types by now;
# invalid_sql_statement_name: it was forgotten
PLAN_OUTDATED = frozenset({"0A000", "26000"})
# serialization_failure, deadlock_detected, lock_not_available
RETRYABLE_SQLSTATES = frozenset({"40001", "40P01", LOCK_NOT_AVAILABLE}) | PLAN_OUTDATED


class RunAgain(Exception):
    """Raised inside a transaction that found its reads outdated: roll back and start over."""


RETRIED = (
    OperationalError,
    NotSupportedError,
    ProgrammingError,
    RunAgain,
    TransactionManagementError,
)


def sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's error code behind a Django database error, None where there is none."""
    return getattr(error.__cause__, "sqlstate", None)


def is_sqlite_lock(error: BaseException) -> bool:
    """Whether SQLite gave up waiting for another connection's lock."""
    return connection.vendor == "sqlite" and "is locked" in str(error)


def is_retryable(error: BaseException) -> bool:
    """Whether the same transaction may well succeed when it is run again.

    TransactionManagementError: going back to a savepoint failed, which Django keeps to itself until
    it refuses the next statement.
    """
    return (
        isinstance(error, RunAgain | TransactionManagementError)
        or sqlstate(error) in RETRYABLE_SQLSTATES
        or is_sqlite_lock(error)
    )


def retried(func: Callable[P, R]) -> Callable[P, R]:
    """Run `func` in `transaction.atomic`, and again after a deadlock or a lock timeout.

    Only the outermost transaction is run again: once a statement has failed, nothing inside the
    same transaction can be. Errors that are not about locks, and the last attempt's, pass through.
    """

    @functools.wraps(func)
    def in_transaction(*args: P.args, **kwargs: P.kwargs) -> R:
        with transaction.atomic():
            return func(*args, **kwargs)

    return retried_read(in_transaction)


def retried_read(func: Callable[P, R]) -> Callable[P, R]:
    """Run `func`, which reads outside of any transaction, and again as `retried` does.

    A transaction around it would make it wait for the one writer of SQLite.
    """

    @functools.wraps(func)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            return func(*args, **kwargs)
        give_up_at = time.monotonic() + RETRY_FOR_SECONDS
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return func(*args, **kwargs)
            except RETRIED as error:
                last = attempt == MAX_ATTEMPTS or time.monotonic() > give_up_at
                if last or not is_retryable(error):
                    raise
                if sqlstate(error) in PLAN_OUTDATED:
                    connection.close()  # and the plans with it
                # Random pauses keep two victims of one deadlock from meeting again.
                time.sleep(random.uniform(0.005, 0.02) * min(2**attempt, LONGEST_PAUSE))  # noqa: S311
        raise AssertionError("unreachable: the last attempt returns or raises")

    return wrapper
