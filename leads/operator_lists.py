"""Operators as the pages list them: looked for, in order, each with what a row shows."""

import re

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest, Lower

from distribution.forms.operators import State
from distribution.models import Operator, OperatorSourceWeight
from leads.models import Assignment

SOURCES_SHOWN = 3  # of each operator, those of the largest weights
ORDERS: dict[str, F | Lower] = {
    "name": Lower("name"),
    "load": F("current_load"),
    "free": F("free_places"),
    "limit": F("max_load"),
    "last": F("last_at"),
}
DEFAULT_ORDER = "name"


def operators_with_places() -> QuerySet[Operator]:
    """Return all operators with their `free_places`; one who is off has none."""
    places = Greatest(F("max_load") - F("current_load"), 0, output_field=IntegerField())
    return Operator.objects.annotate(
        free_places=Case(When(is_active=True, then=places), default=Value(0))
    )


def found(*, text: str = "", state: str = "") -> QuerySet[Operator]:
    """Return the operators whose name holds `text`, whatever the case, and who are in `state`."""
    operators = operators_with_places()
    if text:
        # SQLite knows no other comparison that ignores the case of Cyrillic letters too.
        operators = operators.filter(name__iregex=re.escape(text))
    conditions = {
        State.ON: Q(is_active=True),
        State.OFF: Q(is_active=False),
        State.FREE: Q(is_free=True),
        State.FULL: Q(is_active=True, current_load__gte=F("max_load")),
        State.UNUSED: ~Exists(_weights()),
    }
    return operators.filter(conditions[State(state)]) if state else operators


def listed(operators: QuerySet[Operator], order: str) -> QuerySet[Operator]:
    """Return operators in an order of ORDERS, "-" before it for the other way round.

    Each with `last_at`, when they got their last contact, `source_count`, and `main_weights`; those
    of weight 0 do not count as sources.
    """
    key, descending = order.removeprefix("-"), order.startswith("-")
    by = ORDERS[key]
    main = OperatorSourceWeight.objects.filter(weight__gt=0).select_related("source")
    return (
        operators.annotate(last_at=last_assigned_at(), source_count=_source_count())
        .order_by(by.desc(nulls_last=True) if descending else by.asc(nulls_last=True), "pk")
        .prefetch_related(
            Prefetch(
                "weights", main.order_by("-weight", "pk")[:SOURCES_SHOWN], to_attr="main_weights"
            )
        )
    )


def _weights() -> QuerySet[OperatorSourceWeight]:
    return OperatorSourceWeight.objects.filter(operator=OuterRef("pk"), weight__gt=0)


def _source_count() -> Coalesce:
    counts = _weights().order_by().values("operator").annotate(count=Count("pk"))
    return Coalesce(Subquery(counts.values("count")), 0)


def last_assigned_at() -> Subquery:
    """When an operator got their last contact, as a column of a query for operators.

    Looked up as a range of one operator, in the order of the index on (operator, id). Of an
    equation PostgreSQL would make a walk along all assignments, back to the last one of an operator
    who never had any.
    """
    periods = Assignment.objects.filter(
        operator_id__gte=OuterRef("pk"), operator_id__lte=OuterRef("pk")
    ).order_by("-operator_id", "-pk")
    return Subquery(periods.values("started_at")[:1], output_field=DateTimeField())
