"""The thread in which everything of the browser happens, the tests' own code included."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class BrowserThread:
    """Runs functions one after the other in a thread of its own.

    Playwright keeps an event loop running in the thread that has started it, and Django does not
    touch a database where one runs: all other tests that came later in that thread would fail.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="browser")

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function there; return what it returns or raise what it raises."""
        __tracebackhide__ = True
        return self._pool.submit(function, *args, **kwargs).result()

    def end(self) -> None:
        """Let the thread end."""
        self._pool.shutdown()
