"""What the commands backup and restore have in common on a terminal."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from django.core.management.base import OutputWrapper

from minicrm.terminal import Progress, duration

Advance = Callable[[int, int], None]


@contextlib.contextmanager
def shown_progress(out: OutputWrapper, *, quiet: bool) -> Iterator[Advance]:
    """Yield what is told how many rows of how many are done; it shows that on a terminal only."""
    progress: Progress | None = None

    def advance(done: int, total: int) -> None:
        nonlocal progress
        if progress is None:
            shown = out.isatty() and not quiet
            progress = Progress(total=total, noun="rows", out=out if shown else None)
        progress.update(count=done, done=done)

    try:
        yield advance
    finally:
        if progress is not None:
            progress.end()


@contextlib.contextmanager
def cleaning_up_when_ended() -> Iterator[None]:
    """Let SIGTERM end the block like Ctrl-C does, so that what was begun is taken away again."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def give_up_standard_output() -> None:
    """Send what could not be written nowhere; else Python tries again at its end, and exits by 120.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def in_short(rows: int, size: int, seconds: float) -> str:
    """Return the figures of a backup or a restore for people."""
    return f"{rows:,} rows, {size / 1e6:,.1f} MB, {duration(seconds)}"
