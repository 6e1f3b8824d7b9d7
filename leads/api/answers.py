"""What the API answers about contacts."""

from datetime import datetime
from typing import Any

from ninja import Field, Schema
from pydantic import JsonValue

from distribution.api.operators import OperatorOut
from leads.models import Assignment, Contact
from leads.timeline import Event, Kind
from minicrm.problems import ProblemOut


class ContactReceipt(Schema):
    """What became of a contact at its arrival."""

    id: int = Field(examples=[1])
    lead_id: int = Field(examples=[1])
    source_id: int = Field(examples=[1])
    operator_id: int | None = Field(examples=[1], description="null while nobody can take it")
    operator: str | None = Field(examples=["Operator 1"], description="The operator's name")
    status: Contact.Status = Field(examples=["assigned"])
    created_at: datetime
    assigned_at: datetime | None


class ContactNow(ContactReceipt):
    """A contact as it is now; closed, it keeps the operator who had it last."""

    closed_at: datetime | None
    version: int = Field(
        examples=[1], description="Grows with every move; send it with a move to act on no other"
    )
    name: str
    message: str
    payload: dict[str, JsonValue]


class ContactOut(ContactNow):
    """A contact as it is now; closed, it keeps the operator who had it last."""

    @staticmethod
    def resolve_operator(contact: Contact) -> str | None:
        """Return the operator's name."""
        return contact.operator.name if contact.operator else None


class MovedOut(ContactNow):
    """A contact after a move, and whether the move changed anything."""

    changed: bool = Field(
        examples=[True], description="false: it was so already, and nothing was done"
    )
    assigned: int = Field(
        examples=[0], description="How many waiting contacts got the places that this freed"
    )


class TakenOut(Schema):
    """The contact that an operator was given out of the queue."""

    contact: MovedOut | None = Field(description="null when nothing waits")


class PresentContact(Schema):
    """A contact as it is now, told to who believed something else of it."""

    id: int
    status: Contact.Status
    operator_id: int | None
    version: int


class MoveProblemOut(ProblemOut):
    """The body of an answer that refuses a move for how things are now."""

    contact: PresentContact | None = Field(
        None,
        description=(
            "With `contact_changed`, `contact_closed` and `contact_not_next`: the contact as it is"
        ),
    )


class EventOut(Schema):
    """One thing that happened to a contact."""

    event: Kind = Field(examples=["assigned"])
    at: datetime
    by: str = Field(
        examples=["api_key:1"],
        description=(
            "Who did it: `user:…`, `api_key:…` or a command; empty where nobody noted it, and for"
            " keys that are bound to a source"
        ),
    )
    operator_id: int | None = Field(examples=[1], description="Who has it after this; or nobody")
    operator: str | None = Field(examples=["Operator 1"])
    from_operator_id: int | None = Field(examples=[2], description="Who had it before, if anybody")
    from_operator: str | None = Field(examples=["Operator 2"])
    method: Assignment.Method | None = Field(
        examples=["drain"], description="How it was decided; null where there was nothing to decide"
    )
    reason: str = Field(
        examples=["On holiday"],
        description=(
            "What whoever did it gave as reason; empty for keys that are bound to a source"
        ),
    )
    decision: dict[str, JsonValue] | None = Field(
        description=(
            "Who could have had it, with weights, loads and limits, who could not and why; null"
            " for keys that are bound to a source"
        )
    )


class ContactDetail(ContactNow):
    """A contact as it is now, with its history if that is asked for."""

    history: list[EventOut] = Field(
        default_factory=list, description="With `include=history`: first things first"
    )


class SwitchedOffOut(OperatorOut):
    """An operator who was switched off, and what became of their open contacts."""

    moved: int = Field(examples=[3], description="How many went elsewhere or into the queue")
    kept: int = Field(examples=[4], description="How many stayed with the operator")


def contact_answer(contact: Contact) -> dict[str, Any]:
    """Return a contact as it is now, as values of `ContactNow`."""
    return ContactOut.from_orm(contact).model_dump()


def event_answer(event: Event, *, internal: bool) -> dict[str, Any]:
    """Return an event as values of `EventOut`; what only insiders may know, if `internal`."""
    return {
        "event": event.kind,
        "at": event.at,
        "by": event.by if internal else "",
        "operator_id": event.operator and event.operator.pk,
        "operator": event.operator and event.operator.name,
        "from_operator_id": event.from_operator and event.from_operator.pk,
        "from_operator": event.from_operator and event.from_operator.name,
        "method": event.method or None,
        "reason": event.reason if internal else "",
        "decision": event.decision if internal else None,
    }
