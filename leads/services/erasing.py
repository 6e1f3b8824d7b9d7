"""Erasing a lead: the personal data goes, the contacts stay as numbers."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import timezone

from distribution import audit
from leads.masking import EMAIL, PHONE
from leads.models import Contact, Lead, LeadConflict
from leads.services import idempotency
from leads.services.admin_log import log_entries
from leads.services.contents import AT_ONCE, delete_contents
from leads.services.lead_rows import lock_contacts, lock_leads, merge_refusal
from leads.services.moves import checked_reason
from minicrm.errors import Conflict, Invalid
from minicrm.transactions import retried

KEYS = ("external_id", "email", "phone")
TELLING_LENGTH = 4  # letters of a word, or digits of a number, that tell who somebody is
TELLING_DIGITS = 7  # the last ones of a phone number
# Numbers of requests, which no phone's are: dates, "2026-0017", and few digits without a sign.
DATED = re.compile(
    r"(?<![0-9+])(?:(?:19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}"
    r"|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:19|20)[0-9]{2}"
    r"|(?:19|20)[0-9]{2}[-/][0-9]{1,5})(?![0-9])"
)
PLAIN_NUMBER = re.compile(r"[1-9][0-9]{6,8}")


@dataclass(frozen=True, slots=True)
class Erasing:
    """What there is to erase of a lead, and of those that were merged into it: no values.

    `stamp` says whether a later look shows the same.
    """

    lead: Lead
    merged: list[Lead]
    keys: Counter[str]
    names: int
    contacts: int
    open_contacts: int
    messages: int
    payloads: int
    conflicts: int

    @property
    def leads(self) -> list[Lead]:
        """All rows that stand for the person."""
        return [self.lead, *self.merged]

    @property
    def stamp(self) -> str:
        """Return a text that differs when there is more to erase."""
        return f"{self.contacts}-{len(self.merged)}-{self.keys.total()}"

    def act(self, reason: str) -> dict[str, Any]:
        """Return what is kept for ever of an erasure: kinds and counts."""
        return {
            "reason": reason,
            "erased_keys": dict(sorted(self.keys.items())),
            "erased_names": self.names,
            "contacts": self.contacts,
            "open_contacts": self.open_contacts,
            "erased_messages": self.messages,
            "erased_payloads": self.payloads,
            "resolved_conflicts": self.conflicts,
            "merged": [lead.pk for lead in self.merged],
        }


def preview_erasure(lead_id: int) -> Erasing:
    """Return what `erase_lead` would erase now. Raises what it raises for the lead."""
    found = Lead.objects.filter(Q(pk=lead_id) | Q(merged_into=lead_id)).order_by("pk")
    return _erasing({lead.pk: lead for lead in found}, lead_id)


@retried
def erase_lead(lead_id: int, *, reason: str, actor: str, seen: str | None = None) -> Erasing:
    """Erase what we know of a person; return what it was, as kinds and counts.

    The keys and names of the lead and of those merged into it, whatever came with their contacts,
    and the reasons that operators gave. The contacts stay with their operators and times: open
    ones stay open, and count. Whoever comes with one of the keys later is a new lead. An arrival
    at the same moment is before it, and erased too, or after it, and of a new lead.

    `reason` is kept for ever. Raises Invalid for none, or one that names the person, or holds any
    e-mail or phone; NotFound;
    Conflict for a lead that is erased or was merged, or when `seen`, the `stamp` of what the
    caller saw, is outdated.
    """
    rows = lock_leads({lead_id}, and_merged_into=lead_id)
    erasing = _erasing(rows, lead_id)
    reason = _checked(reason, erasing)
    if seen is not None and seen != erasing.stamp:
        raise Conflict(
            "lead_grew", f"Something was added to lead {lead_id} meanwhile. Look at it again."
        )
    now = timezone.now()
    contact_ids = lock_contacts(lead_id)
    delete_contents(contact_ids, now=now)
    _resolve_conflicts(erasing, now)
    _erase_from_logs(erasing, contact_ids)
    _forget_requests(contact_ids)
    nothing: dict[str, Any] = dict.fromkeys(KEYS)
    Lead.objects.filter(pk__in=rows).update(**nothing, name="", erased_at=now)
    _record(erasing, reason, actor=actor)
    return erasing


def _erasing(rows: dict[int, Lead], lead_id: int) -> Erasing:
    if refusal := merge_refusal(rows, lead_id):
        raise refusal
    contacts = Contact.objects.filter(lead_id=lead_id)
    return Erasing(
        lead=rows[lead_id],
        merged=[lead for pk, lead in sorted(rows.items()) if pk != lead_id],
        keys=Counter(key for lead in rows.values() for key in KEYS if getattr(lead, key)),
        names=sum(bool(lead.name) for lead in rows.values()),
        contacts=contacts.count(),
        open_contacts=contacts.exclude(status=Contact.Status.CLOSED).count(),
        messages=contacts.exclude(message="").count(),
        payloads=contacts.exclude(payload={}).count(),
        conflicts=_open_conflicts(list(rows)).count(),
    )


def _open_conflicts(lead_ids: Collection[int]) -> QuerySet[LeadConflict]:
    either = Q(lead__in=lead_ids) | Q(other_lead__in=lead_ids)
    return LeadConflict.objects.filter(either, resolved_at=None)


def _checked(reason: str, erasing: Erasing) -> str:
    """Return the reason in one line, if it is one and does not name whom it is about."""
    reason = checked_reason(reason)
    if not reason:
        raise Invalid("reason_required", "Say why the lead is erased.", field="reason")
    if _names(reason, erasing):
        raise Invalid(
            "reason_names_lead",
            "The reason is kept for ever: it must not hold the name or a key of the lead.",
            field="reason",
        )
    if EMAIL.search(reason) or _has_phone(reason):
        raise Invalid(
            "reason_holds_key",
            "The reason is kept for ever: it must not hold what looks like an e-mail or a phone"
            " number.",
            field="reason",
        )
    return reason


def _has_phone(reason: str) -> bool:
    found = PHONE.findall(DATED.sub("#", reason))
    return any(not PLAIN_NUMBER.fullmatch(number) for number in found)


def _names(reason: str, erasing: Erasing) -> bool:
    """Whether the reason holds a word of a name, or a key, that the person has or came with."""
    text, digits = reason.casefold(), re.sub(r"\D", "", reason)
    said = {word for word in re.findall(r"\w+", text) if len(word) >= TELLING_LENGTH}
    if any(said & set(re.findall(r"\w+", name.casefold())) for name in _all_names(erasing)):
        return True
    return any(
        _is_in(key, str(value), text, digits)
        for keys in _all_keys(erasing)
        for key, value in keys.items()
    )


def _is_in(key: str, value: str, text: str, digits: str) -> bool:
    if key == "phone":
        number = re.sub(r"\D", "", value)
        return len(number) >= TELLING_DIGITS and number[-TELLING_DIGITS:] in digits
    value = value.strip().casefold()
    return len(value) >= TELLING_LENGTH and value in text


def _all_names(erasing: Erasing) -> Iterator[str]:
    """Yield the names of the leads, and each that contacts came with."""
    yield from (lead.name for lead in erasing.leads)
    named = Contact.objects.filter(lead=erasing.lead).exclude(name="")
    yield from _distinct(named, "name")


def _all_keys(erasing: Erasing) -> Iterator[dict[str, Any]]:
    """Yield the keys of the leads, and those that contacts came with, by kind."""
    for lead in erasing.leads:
        yield {key: value for key in KEYS if (value := getattr(lead, key))}
    keyed = Contact.objects.filter(lead=erasing.lead).exclude(supplied={})
    yield from _distinct(keyed, "supplied")


def _distinct(contacts: QuerySet[Contact], column: str) -> Iterable[Any]:
    """Return each value once, read part by part: a lead may have any number of contacts."""
    values = contacts.order_by().values_list(column, flat=True).distinct()
    return values.iterator(chunk_size=AT_ONCE)


def _resolve_conflicts(erasing: Erasing, now: datetime) -> None:
    _open_conflicts([lead.pk for lead in erasing.leads]).update(resolved_at=now)


def _erase_from_logs(erasing: Erasing, contact_ids: list[int]) -> None:
    """Leave in the log of Django's admin that something was done, under a number alone."""
    number = Concat(Value("#"), F("object_id"), output_field=CharField())
    for entries in log_entries([lead.pk for lead in erasing.leads], contact_ids):
        entries.update(object_repr=number, change_message="")


def _forget_requests(contact_ids: list[int]) -> None:
    for start in range(0, len(contact_ids), AT_ONCE):
        idempotency.forget_contents(contact_ids[start : start + AT_ONCE])


def _record(erasing: Erasing, reason: str, *, actor: str) -> None:
    """Write the act, and for each merged lead that it went too."""
    together = {"erased_with": erasing.lead.pk}
    acts = {erasing.lead.pk: erasing.act(reason), **{one.pk: together for one in erasing.merged}}
    for pk, act in acts.items():
        audit.record(
            actor=actor,
            action="erased",
            obj_type="lead",
            object_id=pk,
            object_name=f"#{pk}",
            after=act,
        )
