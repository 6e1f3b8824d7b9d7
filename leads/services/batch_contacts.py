"""The contacts of a batch of rows, their first periods, and the answers that are kept of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from distribution.models import Operator
from distribution.services import Claim
from leads.identity import LeadKeys
from leads.models import Contact
from leads.services.arrival_sql import NewContact
from leads.services.batch_sql import CONTACTS, PERIODS, RECORDS, insert_rows, stored
from leads.services.idempotency import Once
from leads.services.registration import ContactRequest, Registration, new_contact, receipt_of

WAITING, ASSIGNED = Contact.Status.WAITING.value, Contact.Status.ASSIGNED.value


@dataclass(frozen=True, slots=True)
class Row:
    """A request that was checked, its keys in their normal forms, and what it is known by."""

    request: ContactRequest
    keys: LeadKeys
    once: Once


def write_contacts(
    rows: Sequence[Row],
    lead_ids: Sequence[int],
    claims: Sequence[Claim],
    *,
    received_at: datetime,
) -> list[Registration]:
    """Write the contacts of rows, whose places the caller takes, and return the answers.

    Ids ascend in the order of the rows.
    """
    now = timezone.now()
    claims = _with_names(claims)
    contacts = [
        replace(new_contact(row.request, lead_id=lead_id, at=received_at), assigned_at=now)
        for row, lead_id in zip(rows, lead_ids, strict=True)
    ]
    ids = _insert_contacts(contacts, claims, received_at, now)
    _begin_periods(ids, claims, now)
    receipts = list(map(receipt_of, ids, contacts, claims))
    _keep_answers(rows, receipts, now)
    return [Registration(receipt, replayed=False) for receipt in receipts]


def _with_names(claims: Sequence[Claim]) -> list[Claim]:
    ids = {claim.operator_id for claim in claims if claim.operator_id is not None}
    names = dict(Operator.objects.filter(pk__in=ids).values_list("pk", "name"))
    return [
        claim
        if claim.operator_id is None
        else replace(claim, operator_name=names.get(claim.operator_id))
        for claim in claims
    ]


def _insert_contacts(
    contacts: Sequence[NewContact], claims: Sequence[Claim], received_at: datetime, now: datetime
) -> list[int]:
    created_at, assigned_at = stored(received_at), stored(now)
    rows = [
        {
            "lead_id": contact.lead_id,
            "source_id": contact.source_id,
            "operator_id": claim.operator_id,
            "status": WAITING if claim.operator_id is None else ASSIGNED,
            "supplied": contact.supplied,
            "name": contact.name,
            "message": contact.message,
            "payload": contact.payload,
            "created_at": created_at,
            "assigned_at": None if claim.operator_id is None else assigned_at,
            "version": 1,
        }
        for contact, claim in zip(contacts, claims, strict=True)
    ]
    return insert_rows("leads_contact", CONTACTS, rows)


def _begin_periods(ids: Sequence[int], claims: Sequence[Claim], now: datetime) -> None:
    started_at = stored(now)
    rows = [
        {
            "contact_id": contact_id,
            "operator_id": claim.operator_id,
            "method": claim.method,
            "decision": claim.decision,
            "started_at": started_at,
            "ended_as": "",
            "ended_by": "",
            "end_reason": "",
        }
        for contact_id, claim in zip(ids, claims, strict=True)
    ]
    insert_rows("leads_assignment", PERIODS, rows)


def _keep_answers(rows: Sequence[Row], receipts: Sequence[dict[str, Any]], now: datetime) -> None:
    created_at = stored(now)
    records = [
        {
            "scope": row.once.scope,
            "key": row.once.key,
            "digest": row.once.digest,
            "response": receipt,
            "created_at": created_at,
        }
        for row, receipt in zip(rows, receipts, strict=True)
    ]
    insert_rows("leads_idempotencyrecord", RECORDS, records)
