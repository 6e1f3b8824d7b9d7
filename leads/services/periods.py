"""The periods of contacts: each move ends one and begins the next, both at one moment."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import DateTimeField, F, Value
from django.db.models.functions import Greatest

from distribution.services import Claim
from leads.models import Assignment


def end_periods(
    contact_ids: Collection[int],
    *,
    ended_as: Assignment.End,
    actor: str,
    now: datetime,
    reason: str = "",
) -> None:
    """End the open periods of contacts whose rows the caller holds."""
    moment = Value(now, output_field=DateTimeField())
    Assignment.objects.filter(contact_id__in=contact_ids, ended_at=None).update(
        ended_at=Greatest(F("started_at"), moment),  # clocks are set back at times
        ended_as=ended_as,
        ended_by=actor,
        end_reason=reason,
    )


def begin_periods(claims: Iterable[tuple[int, Claim]], *, now: datetime) -> None:
    """Begin a period for each (contact id, claim): with its operator, or in the queue."""
    Assignment.objects.bulk_create(
        Assignment(
            contact_id=contact_id,
            operator_id=claim.operator_id,
            method=claim.method,
            decision=claim.decision,
            started_at=now,
        )
        for contact_id, claim in claims
    )
