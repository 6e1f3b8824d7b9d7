"""The figures at the top: operators, free places, how fast contacts get an operator."""

import math
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Self

from django.db.models import Count, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Greatest
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from distribution.models import Operator
from leads.explanations import percent
from leads.models import Assignment, Contact
from leads.overview.today import midnight
from leads.templatetags.figures import age_text

LATEST = 500  # contacts that the time to assign is taken from


@dataclass(frozen=True, slots=True)
class Places:
    """How many operators there are and are on, and how many places those who are on have."""

    operators: int
    on: int
    free: int
    limit: int

    @property
    def off(self) -> int:
        """How many are off."""
        return self.operators - self.on

    @property
    def taken(self) -> str:
        """How much of the places is taken, in per cent."""
        return percent(self.limit - self.free, self.limit)


def read_places() -> Places:
    """Return the numbers over all operators; one query."""
    active = Q(is_active=True)
    free = Greatest(F("max_load") - F("current_load"), 0)
    return Places(
        **Operator.objects.aggregate(
            operators=Count("pk"),
            on=Count("pk", filter=active),
            free=Sum(free, filter=active, default=0),
            limit=Sum("max_load", filter=active, default=0),
        )
    )


@dataclass(frozen=True, slots=True)
class TimeToAssign:
    """How long contacts waited for their first operator, in seconds."""

    median: float
    p95: float

    @classmethod
    def of(cls, seconds: list[float]) -> Self | None:
        """Return what most and nearly all of them waited; None for none."""
        if not seconds:
            return None
        ordered = sorted(seconds)
        return cls(median(ordered), ordered[math.ceil(0.95 * len(ordered)) - 1])

    @property
    def usual(self) -> str:
        """What half of them waited at most."""
        return duration_text(self.median)

    @property
    def nearly_all(self) -> str:
        """What 95 % of them waited at most."""
        return duration_text(self.p95)


def read_time_to_assign(now: datetime) -> TimeToAssign | None:
    """Return it for the latest contacts of today that got an operator; one query.

    The first operator counts: a contact reassigned hours later has not waited for it.
    """
    periods = Assignment.objects.filter(contact=OuterRef("pk"), operator__isnull=False)
    rows = (
        Contact.objects.filter(created_at__gte=midnight(now), operator__isnull=False)
        .order_by("-created_at")
        .values_list("created_at", Subquery(periods.order_by("pk").values("started_at")[:1]))
    )
    return TimeToAssign.of(
        [
            max(0.0, (assigned_at - created_at).total_seconds())
            for created_at, assigned_at in rows[:LATEST]
            if assigned_at is not None
        ]
    )


def duration_text(seconds: float) -> str:
    """Return a duration in a unit that fits: "38 ms", "1.4 s", "48 s", "12 min", "3 h"."""
    if seconds < 1:
        return _("%(number)d ms") % {"number": round(1000 * seconds)}
    if seconds < 10:
        return _("%(number)s s") % {"number": number_format(round(seconds, 1), 1)}
    return age_text(round(seconds))
