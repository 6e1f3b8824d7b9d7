"""/contacts/: a bot hands in a contact and reads what became of it."""

import json
from enum import StrEnum
from typing import Annotated, Any

from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema

from distribution.authentication import actor_of, key_of
from distribution.services.sources import source_not_found
from leads.api.answers import (
    ContactDetail,
    ContactOut,
    ContactReceipt,
    contact_answer,
    event_answer,
)
from leads.api.once import described, once_of
from leads.identity import MAX_EXTERNAL_ID
from leads.models import Contact, ContactQuerySet, Lead
from leads.schemas import ContactIn
from leads.services import ContactRequest, register_contact
from leads.services.registration import checked_keys
from leads.timeline import history_of
from minicrm.errors import Invalid, NotFound
from minicrm.pagination import Page, paginate, refuse_unknown_parameters
from minicrm.responses import responses
from minicrm.schemas import Moment, ObjectId, QueryId, QueryText

router = Router(tags=["Contacts"])

JSON = "application/json; charset=utf-8"  # as ninja has it
MEMBERS = tuple(ContactReceipt.model_fields)


class Include(StrEnum):
    """What an answer may hold besides."""

    HISTORY = "history"


class ContactQuery(Schema):
    """What to answer about one contact."""

    include: Include | None = Field(
        None, description="`history`: also what happened to it, and why"
    )


class ContactFilters(Page):
    """Which contacts to list; several filters must all hold."""

    status: Contact.Status | None = Field(None, description="Only contacts in this state")
    source_id: QueryId | None = Field(None, description="Only this source's")
    operator_id: QueryId | None = Field(None, description="Only this operator's")
    lead_id: QueryId | None = Field(
        None, description="Only this lead's; one that was merged into another has none"
    )
    external_id: Annotated[QueryText, Field(max_length=MAX_EXTERNAL_ID)] | None = Field(
        None,
        description="Only of the lead with this id, in any spelling, or that it was merged into",
    )
    created_after: Moment | None = Field(None, description="Only received after this moment")
    created_before: Moment | None = Field(None, description="Only received before this moment")


@router.post(
    "/",
    response=responses({201: ContactReceipt}, 404, 409, body=True),
    openapi_extra=described("order-1001"),
)
def post_contact(request: HttpRequest, contact: ContactIn) -> HttpResponse:
    """Hand in a contact; it goes to an operator at once, or waits if nobody can take it."""
    given = contact.model_dump(exclude_none=True, exclude={"source_id"})
    registration = register_contact(
        ContactRequest(source_id=_source_id(request, contact.source_id), **given),
        actor=actor_of(request),
        once=once_of(request, "POST /contacts/"),
    )
    # The receipt is JSON already: ninja would make a model of it, and JSON of that.
    text = json.dumps(_written(registration.receipt))
    response = HttpResponse(text, status=201, content_type=JSON)
    if registration.replayed:
        response["Idempotency-Replayed"] = "true"
    return response


@router.get("/", response=responses({200: list[ContactOut]}, 422))
def list_contacts(
    request: HttpRequest, response: HttpResponse, filters: Query[ContactFilters]
) -> list[Contact]:
    """List contacts in ascending id: those of the key's source, or of all."""
    return paginate(request, response, _filtered(_visible(request), filters), filters)


@router.get(
    "/{int:contact_id}",
    response=responses({200: ContactDetail}, 404, 422),
    exclude_unset=True,  # no history that was not asked for
)
def get_contact(
    request: HttpRequest, contact_id: ObjectId, query: Query[ContactQuery]
) -> dict[str, Any]:
    """Return one contact, and what happened to it if that is asked for."""
    refuse_unknown_parameters(request, query)
    contact = _visible(request).filter(pk=contact_id).first()
    if contact is None:
        raise NotFound("contact_not_found", f"There is no contact {contact_id}.")
    if query.include != Include.HISTORY:
        return contact_answer(contact)
    contact, events = history_of(contact)
    # Decisions tell of operators' weights and loads, reasons of whatever people wrote for one
    # another: too much for a bot.
    internal = key_of(request).source_id is None
    history = [event_answer(event, internal=internal) for event in events]
    return contact_answer(contact) | {"history": history}


def _written(receipt: dict[str, Any]) -> dict[str, Any]:
    """Return a receipt with its members in order, and its moments as in all other answers.

    PostgreSQL keeps the answer for a replay with its members in an order of its own.
    """
    ordered = {name: receipt[name] for name in MEMBERS}
    for name in ("created_at", "assigned_at"):
        ordered[name] = ordered[name] and ordered[name].replace("+00:00", "Z")
    return ordered


def _source_id(request: HttpRequest, given: int | None) -> int:
    """Return the source to post to: the key's own, or the one named by a key for all."""
    bound = key_of(request).source_id
    if bound is not None and given not in (None, bound):
        raise source_not_found(given or 0, field="source_id")
    source_id = bound or given
    if source_id is None:
        raise Invalid("required", "This key is for all sources; name one.", field="source_id")
    return source_id


def _visible(request: HttpRequest) -> ContactQuerySet:
    """Return the contacts that the caller's key may see."""
    contacts = Contact.objects.select_related("operator")
    source_id = key_of(request).source_id
    return contacts if source_id is None else contacts.filter(source_id=source_id)


def _filtered(contacts: ContactQuerySet, filters: ContactFilters) -> ContactQuerySet:
    equal = {"status", "source_id", "operator_id", "lead_id"}
    contacts = contacts.filter(**filters.model_dump(include=equal, exclude_none=True))
    if filters.external_id is not None:
        external_id = checked_keys(external_id=filters.external_id).external_id
        owner = Lead.objects.filter(external_id=external_id)
        contacts = contacts.filter(lead__in=owner.values(pk_=Coalesce("merged_into", "pk")))
    if filters.created_after is not None:
        contacts = contacts.filter(created_at__gt=filters.created_after)
    if filters.created_before is not None:
        contacts = contacts.filter(created_at__lt=filters.created_before)
    return contacts
