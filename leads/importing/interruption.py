"""Ctrl-C at a moment when everything that is done has been counted."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def put_off() -> Iterator[None]:
    """Put Ctrl-C off to the end of the block, which is to be short; a second one comes at once.

    Else it might come after a commit and before what was committed is counted.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # whoever started us wants it ignored, as shells do for "&", or handles it
        return
    if threading.current_thread() is not threading.main_thread():
        yield  # Python hands signals to the main thread only
        return
    asked = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    usual = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if asked:
        raise KeyboardInterrupt
