"""Forgetting what came with contacts that were closed long ago."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from leads.models import TO_FORGET, Contact
from leads.services.contents import delete_contents
from minicrm.transactions import retried

BATCH = 500  # contacts of one transaction
PAUSE = 0.02  # seconds between two, for those who wait: SQLite has one writer at a time


def contacts_to_forget(*, days: int) -> QuerySet[Contact]:
    """Return the contacts that have been closed for so many days, and hold contents still."""
    return _due(timezone.now() - timedelta(days=days))


def forget_old_contents(*, days: int) -> Iterator[int]:
    """Delete the contents of contacts closed so many days ago; yield how many, batch by batch.

    Each batch is a transaction of its own, so it may be stopped at any time and run again. A
    contact that is reopened meanwhile is left alone. The lead keeps the keys and name: to erase
    those, `erase_lead`.
    """
    before = timezone.now() - timedelta(days=days)
    while ids := list(_due(before).values_list("pk", flat=True)[:BATCH]):
        yield _forget(ids, before)
        time.sleep(PAUSE)


@retried
def _forget(ids: list[int], before: datetime) -> int:
    """Forget those that are due still, once their rows are ours; return how many."""
    locked = _due(before).filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
    still_due = list(locked.values_list("pk", flat=True))
    delete_contents(still_due, now=timezone.now())
    return len(still_due)


def _due(before: datetime) -> QuerySet[Contact]:
    return Contact.objects.filter(TO_FORGET, closed_at__lt=before).order_by("closed_at")
