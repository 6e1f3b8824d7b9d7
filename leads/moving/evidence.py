"""Whether a contact was moved already by a worker that was killed before it could say so."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from leads.models import Assignment
from leads.moving.moves import Move

End, Method = Assignment.End, Assignment.Method


def was_moved(
    contact_id: int, move: Move, *, actor: str, since: datetime, operator_id: int | None
) -> bool:
    """Whether the actor made this move with the contact since then, whatever came after it."""
    periods = Assignment.objects.filter(contact_id=contact_id)
    return periods.filter(_made(move, actor, since, operator_id)).exists()


def _made(move: Move, actor: str, since: datetime, operator_id: int | None) -> Q:
    begun = Q(started_at__gte=since, decision__by=actor)
    match move:
        case Move.CLOSE:
            return Q(ended_at__gte=since, ended_by=actor, ended_as=End.CLOSED)
        case Move.REQUEUE:
            return Q(ended_at__gte=since, ended_by=actor, ended_as=End.REQUEUED)
        case Move.REASSIGN:
            by_hand = Q(method__in=[Method.MANUAL, Method.REASSIGNMENT])
            return begun & by_hand & Q(operator_id=operator_id)
        case Move.REOPEN:
            return begun & Q(method__in=[Method.REOPENING, Method.WEIGHTED_RANDOM, Method.QUEUED])
