"""How many contacts each source has ever sent, without counting them all each time.

Contacts are never deleted, and their numbers grow: what was counted once stays. Each process keeps
the sums up to a number below which nothing can be missing any more, and counts only what is above.
"""

import threading
import time
from collections import Counter
from datetime import datetime, timedelta

from django.db.models import Count

from leads.models import Contact

# A transaction that takes longer than this is none of ours: statements have 8 seconds.
SETTLED_AFTER = timedelta(minutes=10)
# More than there can be contacts on their way at once, each with a number, not yet committed.
MARGIN = 10_000
STEP = 200_000  # numbers that one query counts at most
PATIENCE = 1.0  # seconds that one call spends on catching up


class ReceivedTotals:
    """The sums of one process. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0
        self._totals: Counter[int] = Counter()

    def settle(self, now: datetime) -> tuple[int, Counter[int]] | None:
        """Return a number and the sums by source up to it; the rest is for the caller to count.

        None while there is too much left to count: in a new process on millions of contacts, the
        first few calls.
        """
        with self._lock:
            newest = _newest_number()
            if newest < self._until:
                self._until, self._totals = (
                    0,
                    Counter(),
                )  # another database, or emptied, or restored
            target = _settled_number(newest, now)
            if self._until == 0 < target:
                self._until = min(_first_number() - 1, target)  # they need not begin at 1
            give_up_at = time.monotonic() + PATIENCE
            while self._until < target:
                if time.monotonic() > give_up_at:
                    return None
                self._count_step(target)
            return self._until, self._totals.copy()

    def _count_step(self, target: int) -> None:
        upper = min(self._until + STEP, target)
        rows = Contact.objects.filter(pk__gt=self._until, pk__lte=upper).order_by()
        counted = rows.values_list("source_id").annotate(number=Count("pk"))
        # Only with the answer in hand: a query that fails must not leave a gap.
        self._totals.update(dict(counted))
        self._until = upper


def _first_number() -> int:
    return Contact.objects.order_by("pk").values_list("pk", flat=True).first() or 1


def _newest_number() -> int:
    return Contact.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _settled_number(newest: int, now: datetime) -> int:
    """Return a number at or below which no contact can appear any more.

    Below all that came in of late, and by a margin below the first of those: a transaction may
    commit later than others whose contacts have higher numbers.
    """
    late = Contact.objects.filter(created_at__gte=now - SETTLED_AFTER)
    # The lowest number of those: all rows that an import stores at once came in at one moment.
    first = late.order_by("created_at", "pk").values_list("pk", flat=True).first()
    return max(0, (newest + 1 if first is None else first) - 1 - MARGIN)
