"""Answers about moved contacts: what is kept of them for a replay, and the rest of the contact."""

from typing import Any

from leads.api.answers import MovedOut, contact_answer
from leads.models import Contact
from leads.services import Moved
from minicrm.transactions import retried_read

# They never change, and may be personal: answers that are kept for replays leave them out.
NOT_KEPT = frozenset({"name", "message", "payload"})


def kept(moved: Moved) -> dict[str, Any]:
    """Return what is kept of an answer for a replay, as JSON values."""
    answer = MovedOut(
        **contact_answer(moved.contact), changed=moved.changed, assigned=moved.assigned
    )
    return answer.model_dump(mode="json", exclude=set(NOT_KEPT))


def completed(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the whole answer, with what was not kept.

    To be called after the commit: a busy database must not make a move that is done look undone.
    """
    rest: dict[str, Any] = retried_read(Contact.objects.values(*NOT_KEPT).get)(pk=answer["id"])
    return answer | rest
