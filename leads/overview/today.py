"""The contacts of today, and what to compare them with."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from leads.models import Contact

WEEK = timedelta(days=7)
NOBODY = 0  # no operator's id
COMPARABLE_FROM = 10  # contacts; a percentage of fewer says nothing


@dataclass(frozen=True, slots=True)
class Today:
    """How many contacts came in since midnight, in the time zone of the settings.

    `by_operator` counts them by who has them, or had them last.
    `last_week` came in during the same hours of the same weekday a week before `now`.
    """

    now: datetime
    by_operator: Counter[int]
    last_week: int

    @property
    def total(self) -> int:
        """How many came in."""
        return self.by_operator.total()

    @property
    def assigned(self) -> int:
        """How many of them somebody has, or had last."""
        return self.total - self.by_operator[NOBODY]

    @property
    def comparison(self) -> str:
        """How today compares with a week ago: by how much, or against which small number."""
        day = date_format(_a_week_before(self.now), "D")
        if not self.last_week:
            return _("none by this time last %(day)s") % {"day": day}
        if self.last_week < COMPARABLE_FROM:
            text = ngettext(
                "%(number)d by this time last %(day)s",
                "%(number)d by this time last %(day)s",
                self.last_week,
            )
            return text % {"number": self.last_week, "day": day}
        change = round(100 * (self.total - self.last_week) / self.last_week)
        signed = f"{change:+d}".replace("-", "−") if change else "±0"
        return _("%(change)s %% vs. last %(day)s") % {"change": signed, "day": day}


def read_today(now: datetime) -> Today:
    """Return the numbers of today; two queries."""
    # Grouped by an expression, as SQLite would else go through all contacts operator by operator.
    operator = Coalesce("operator_id", NOBODY)
    rows = Contact.objects.filter(created_at__gte=midnight(now)).order_by()
    counts = rows.values_list(operator).annotate(number=Count("pk"))
    then = _a_week_before(now)
    before = Contact.objects.filter(created_at__gte=midnight(then), created_at__lt=then)
    return Today(now, Counter(dict(counts)), before.count())


def midnight(now: datetime) -> datetime:
    """Return when the day of `now` began, in the time zone of the settings."""
    day = timezone.localtime(now).date()
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))


def _a_week_before(now: datetime) -> datetime:
    """Return the moment when the clock on the wall read the same a week ago."""
    return timezone.make_aware(timezone.localtime(now).replace(tzinfo=None) - WEEK)
