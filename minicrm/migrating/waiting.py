"""Steps that wait without a limit on PostgreSQL: they say meanwhile whom they wait for.

An index that is built beside the traffic waits for every transaction that is older than it, a
forgotten one too. Nobody waits behind it, so it may; but somebody should know why nothing happens.
"""

import contextlib
import sys
import threading
from collections.abc import Iterator

from django.db import Error as DatabaseFailure
from django.db.backends.base.base import BaseDatabaseWrapper

from minicrm.migrating.locks import Holder, blockers

LOOK_SECONDS = 5.0


@contextlib.contextmanager
def telling_whom_it_waits_for(connection: BaseDatabaseWrapper, *, what: str) -> Iterator[None]:
    """Write to standard error, every few seconds, who keeps the block's statements waiting.

    Each is named once. Looks by a connection of its own, as the block's is busy.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    over = threading.Event()
    # Made here, as a wrapper belongs to the thread that made it; allowed to be used by the other.
    own = connection.copy()
    own.inc_thread_sharing()
    watcher = threading.Thread(target=_watch, args=(own, pid, what, over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        own.dec_thread_sharing()


def _watch(own: BaseDatabaseWrapper, pid: int, what: str, over: threading.Event) -> None:
    told: set[int] = set()
    # A look that fails costs a message, and must not cost the index.
    with contextlib.suppress(DatabaseFailure), contextlib.closing(own):
        while not over.wait(LOOK_SECONDS):
            for holder in blockers(own, pid):
                if holder.pid not in told:
                    told.add(holder.pid)
                    _tell(what, holder)


def _tell(what: str, holder: Holder) -> None:
    sys.stderr.write(
        f"{what} waits, as long as it takes, for {holder}. It keeps nobody else waiting. To end"
        f" that one: SELECT pg_terminate_backend({holder.pid}).\n"
    )
    sys.stderr.flush()
