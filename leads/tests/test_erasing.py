"""Erasing a lead: what goes, what stays, what is refused, and who comes again."""

import re

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from distribution.models import AuditEvent
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.models import Assignment, Contact, IdempotencyRecord, Lead, LeadConflict
from leads.services import (
    ContactRequest,
    close_contact,
    contents,
    erase_lead,
    merge_leads,
    preview_erasure,
    reassign_contact,
    register_contact,
    rename_lead,
    reopen_contact,
    requeue_contact,
    suspect_again,
    take_next_contact,
    tell_apart,
)
from leads.services.idempotency import IMPORT_SCOPE, Once, begin, forget_contents
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    LeadFactory,
    WaitingContactFactory,
)
from leads.timeline import timeline_of
from minicrm.errors import Conflict, Invalid, NotFound

pytestmark = pytest.mark.django_db

PHONE = "+442079460123"
KEYS = {"external_id": "demo-1", "email": "lead@example.com", "phone": PHONE}


def erase(lead, **kwargs):
    erased = erase_lead(lead.pk, **{"reason": "Request 7", "actor": "user:7", **kwargs})
    lead.refresh_from_db()
    return erased


def acts():
    return {event.object_id: event.after for event in AuditEvent.objects.filter(action="erased")}


# What goes, what stays ------------------------------------------------------------------------


def test_takes_keys_and_name_and_what_came_with_the_contacts():
    lead = LeadFactory(**KEYS, name="Demo lead")
    sent = {"supplied": {"email": "Lead@Example.com"}, "name": "Demo", "message": "Call me"}
    contact = ClosedContactFactory(lead=lead, payload={"a": 1}, **sent)
    other = WaitingContactFactory(message="Somebody else's")
    erase(lead)
    contact.refresh_from_db()
    other.refresh_from_db()

    assert (lead.external_id, lead.email, lead.phone, lead.name) == (None, None, None, "")
    assert lead.erased_at is not None
    assert (contact.supplied, contact.name, contact.message, contact.payload) == ({}, "", "", {})
    assert contact.forgotten_at == lead.erased_at
    assert (other.message, other.lead.erased_at) == ("Somebody else's", None)


def test_contacts_stay_as_numbers():
    lead = LeadFactory()
    contacts = [
        make(lead=lead)
        for make in (WaitingContactFactory, AssignedContactFactory, ClosedContactFactory)
    ]
    kept = ("id", "lead_id", "source_id", "operator_id", "status", "created_at", "version")
    before = list(Contact.objects.values_list(*kept, "assigned_at", "closed_at").order_by("pk"))
    erased = erase(lead)

    assert before == list(
        Contact.objects.values_list(*kept, "assigned_at", "closed_at").order_by("pk")
    )
    assert (erased.contacts, erased.open_contacts) == (3, 2)
    assert contacts[1].operator.current_load == 1
    assert_promises_kept()


def test_open_contacts_can_be_closed_afterwards_and_give_their_places_back():
    contact = AssignedContactFactory(message="Call me")
    erase(contact.lead)
    contact.refresh_from_db()
    assert contact.forgotten_at is None, "what is said of it from now on would never be forgotten"
    close_contact(contact.pk, actor="test")

    assert_promises_kept()
    assert Contact.objects.get().status == "closed"


def test_takes_the_reasons_of_operators_and_leaves_who_decided_what():
    contact = AssignedContactFactory()
    other = WeightFactory(source=contact.source).operator
    reassign_contact(contact.pk, operator_id=other.pk, actor="user:7", reason="Demo lead shouted")
    close_contact(contact.pk, actor="user:7", reason="Demo lead is gone")
    reopen_contact(contact.pk, actor="user:7", reason="Demo lead is back")
    before = timeline_of(Contact.objects.get())
    erase(contact.lead)
    after = timeline_of(Contact.objects.get())

    assert sum(bool(event.reason) for event in before) == 3
    assert not any(event.reason for event in after)
    told = [(event.kind, event.at, event.by, event.operator) for event in before]
    assert told == [(event.kind, event.at, event.by, event.operator) for event in after]
    assert [bool(event.decision) for event in before] == [bool(event.decision) for event in after]


def test_no_reason_is_kept_of_what_is_done_with_an_erased_leads_contact():
    contact, other = AssignedContactFactory(), AssignedContactFactory()
    weight = WeightFactory(source=contact.source, operator__max_load=0)
    said = {"actor": "user:7", "reason": "Demo lead shouted"}
    erase(contact.lead)
    moves = [
        lambda pk: reassign_contact(pk, operator_id=weight.operator_id, over_limit=True, **said),
        lambda pk: requeue_contact(pk, **said),
        lambda pk: take_next_contact(
            weight.operator_id, source_id=contact.source_id, over_limit=True, **said
        ),
        lambda pk: close_contact(pk, **said),
        lambda pk: reopen_contact(pk, **said),
        lambda pk: close_contact(pk, **said),
    ]
    for move in moves:
        assert move(contact.pk).changed
    close_contact(other.pk, **said)

    periods = Assignment.objects.filter(contact=contact)
    assert len(periods) == 5
    assert not periods.exclude(end_reason="").exists()
    assert not any(period.decision.get("reason") for period in periods)
    assert {period.ended_by for period in periods} == {"user:7"}
    assert other.assignments.get().end_reason == said["reason"]
    assert_promises_kept(over_limit=True)


def test_takes_what_was_merged_into_it_too():
    lead, merged, other = LeadFactory(name="One"), LeadFactory(name="Two"), LeadFactory()
    WaitingContactFactory(lead=merged, message="Call me")
    merge_leads(into_id=lead.pk, lead_id=merged.pk, actor="test")
    erase(lead)
    merged.refresh_from_db()
    other.refresh_from_db()

    assert (merged.external_id, merged.name, merged.merged_into) == (None, "", lead)
    assert merged.erased_at == lead.erased_at
    assert Contact.objects.get().message == ""
    assert (other.erased_at, bool(other.external_id)) == (None, True)


def test_drops_possible_duplicates_for_good():
    lead, other = LeadFactory(), LeadFactory()
    LeadConflict.objects.create(lead=lead, other_lead=other, key="email")
    LeadConflict.objects.create(lead=other, other_lead=lead, key="phone")
    assert erase(lead).conflicts == 2

    assert not LeadConflict.objects.filter(resolved_at=None).exists()
    for call in (suspect_again, tell_apart):
        with pytest.raises(Conflict) as caught:
            call(lead_id=other.pk, other_id=lead.pk, actor="test")
        assert caught.value.code == "lead_erased"


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_takes_long_histories_in_several_statements(monkeypatch, at_once):
    for module in ("contents.AT_ONCE", "erasing.AT_ONCE", "admin_log.AT_ONCE"):
        monkeypatch.setattr(f"leads.services.{module}", at_once)
    lead = LeadFactory()
    WaitingContactFactory.create_batch(5, lead=lead, message="Call me")
    assert erase(lead).contacts == 5
    assert set(Contact.objects.values_list("message", flat=True)) == {""}
    assert at_once == contents.AT_ONCE


# The act --------------------------------------------------------------------------------------


def test_the_act_tells_kinds_and_counts_and_no_values():
    lead = LeadFactory(**KEYS, name="Demo lead")
    merged = LeadFactory(external_id="demo-2", email="two@example.com", merged_into=lead)
    WaitingContactFactory(lead=lead, message="Call me", payload={"a": 1})
    ClosedContactFactory(lead=lead, message="Call me again")
    erase(lead)

    assert acts() == {
        lead.pk: {
            "reason": "Request 7",
            "erased_keys": {"email": 2, "external_id": 2, "phone": 1},
            "erased_names": 1,
            "contacts": 2,
            "open_contacts": 1,
            "erased_messages": 2,
            "erased_payloads": 1,
            "resolved_conflicts": 0,
            "merged": [merged.pk],
        },
        merged.pk: {"erased_with": lead.pk},
    }
    event = AuditEvent.objects.get(object_id=lead.pk)
    assert (event.actor, event.object_name, event.before) == ("user:7", f"#{lead.pk}", None)


@pytest.mark.parametrize(
    "reason",
    [
        "Mrs Example-Person asked",
        "asked by LEAD@example.com",
        "called from +44 (20) 7946 0123",
        "called from 020 7946 0123",
        "id Demo-1 wants to go",
        "her maiden name is Twofold",
    ],
)
def test_a_reason_that_names_the_person_is_refused(reason):
    lead = LeadFactory(**KEYS, name="Anna Example-Person")
    LeadFactory(merged_into=lead, name="Anna Twofold")
    with pytest.raises(Invalid) as caught:
        erase(lead, reason=reason)

    assert (caught.value.code, caught.value.field) == ("reason_names_lead", "reason")
    assert Lead.objects.filter(erased_at=None).count() == 2


@pytest.mark.parametrize(
    "reason",
    [
        "Mrs Otherwise asked",
        "id OLD-77 wants to go",
        "called from 020 7946 0987",
        "the former old@example.com asked",
    ],
)
def test_a_reason_that_names_whom_a_contact_came_with_is_refused(reason):
    lead = LeadFactory(**KEYS, name="Anna Demoson")
    WaitingContactFactory.create_batch(2, lead=lead, name="Ann", supplied={"email": "a@b"})
    supplied = {"external_id": " Old-77 ", "phone": "(020) 7946-0987", "email": "OLD@example.com"}
    ClosedContactFactory(lead=lead, name="A. Otherwise", supplied=supplied)
    with pytest.raises(Invalid) as caught:
        erase(lead, reason=reason)
    assert (caught.value.code, caught.value.field) == ("reason_names_lead", "reason")


def test_to_look_through_what_contacts_came_with_takes_no_query_each():
    counts = []
    for contacts in (1, 20):
        lead = LeadFactory()
        for number in range(contacts):
            ClosedContactFactory(lead=lead, name=f"Demo {number}", supplied={"phone": f"{number}"})
        with CaptureQueriesContext(connection) as queries:
            erase(lead)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "reason",
    [
        "asked by somebody.else@example.com",
        "called from +1 202 555 0142",
        "called from (020) 7946-0456",
        "called from 02079460456",
        "called from 2025550142",
        "called from 7946 0456",
        "on 2026-11-22 from 7946 0456",
    ],
)
def test_a_reason_with_anybodys_email_or_phone_is_refused(reason):
    lead = LeadFactory(external_id="demo-1")
    with pytest.raises(Invalid) as caught:
        erase(lead, reason=reason)
    assert (caught.value.code, caught.value.field) == ("reason_holds_key", "reason")
    assert lead.erased_at is None


@pytest.mark.parametrize(
    ("reason", "code"),
    [("", "reason_required"), ("  ", "reason_required"), ("x" * 501, "too_long")],
)
def test_a_reason_is_needed_and_bounded(reason, code):
    lead = LeadFactory(name="Al")
    with pytest.raises(Invalid) as caught:
        erase(lead, reason=reason)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "reason",
    [
        "Al, request 7 of 2026-11-22, article 17",
        "Request 2026-0017",
        "Request 2026/17 of 22.11.2026, by post",
        "Ticket 10023456",
        "Request 7 2026-11-22 17",
    ],
)
def test_a_reason_may_hold_what_names_nobody(reason):
    lead = LeadFactory(external_id="7", name="Al B")
    ClosedContactFactory(lead=lead, name="Al", supplied={"external_id": "7", "phone": "17"})
    erase(lead, reason=reason)
    assert lead.erased_at


# What is refused ------------------------------------------------------------------------------


def test_erasing_again_changes_nothing_and_says_since_when():
    lead = LeadFactory()
    erase(lead)
    since = lead.erased_at
    with pytest.raises(Conflict, match=f"was erased on {since:%Y-%m-%d}") as caught:
        erase(lead)
    lead.refresh_from_db()

    assert caught.value.code == "lead_erased"
    assert lead.erased_at == since
    assert len(acts()) == 1


def test_a_merged_lead_is_erased_with_the_one_it_is():
    lead = LeadFactory()
    merged = LeadFactory(merged_into=lead)
    with pytest.raises(Conflict, match=f"merged into lead {lead.pk}"):
        erase(merged)
    assert not acts()


def test_who_saw_less_is_refused():
    lead = LeadFactory()
    seen = preview_erasure(lead.pk).stamp
    WaitingContactFactory(lead=lead)
    with pytest.raises(Conflict) as caught:
        erase(lead, seen=seen)

    assert caught.value.code == "lead_grew"
    erase(lead, seen=preview_erasure(lead.pk).stamp)
    assert lead.erased_at


def test_nobody_is_not_found():
    for call in (preview_erasure, lambda pk: erase_lead(pk, reason="x", actor="test")):
        with pytest.raises(NotFound):
            call(4_000_000)


def test_an_erased_lead_can_be_neither_renamed_nor_merged():
    lead, other = LeadFactory(), LeadFactory()
    erase(lead)
    for call in (
        lambda: rename_lead(lead.pk, name="Demo", shown="", actor="test"),
        lambda: merge_leads(into_id=lead.pk, lead_id=other.pk, actor="test"),
        lambda: merge_leads(into_id=other.pk, lead_id=lead.pk, actor="test"),
    ):
        with pytest.raises(Conflict) as caught:
            call()
        assert caught.value.code == "lead_erased"
    assert Lead.objects.get(pk=lead.pk).name == ""


@pytest.mark.parametrize("values", [{"name": "Demo"}, *({key: "x"} for key in KEYS)])
def test_the_database_lets_nothing_be_written_to_an_erased_lead(values):
    lead = LeadFactory()
    erase(lead)
    with pytest.raises(IntegrityError), transaction.atomic():
        Lead.objects.filter(pk=lead.pk).update(**values)


# Who comes again ------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [{key: value} for key, value in KEYS.items()])
def test_who_comes_with_the_same_key_is_a_new_lead(keys):
    lead = LeadFactory(**KEYS)
    LeadFactory(external_id="demo-2", merged_into=lead)
    erase(lead)
    source_id = WeightFactory().source_id
    receipt = register_contact(ContactRequest(source_id, **keys), actor="test").receipt

    assert receipt["lead_id"] != lead.pk
    assert Lead.objects.get(pk=receipt["lead_id"]).erased_at is None


def test_who_comes_with_a_key_of_a_merged_one_is_a_new_lead():
    lead = LeadFactory()
    LeadFactory(external_id="demo-2", merged_into=lead)
    erase(lead)
    source_id = WeightFactory().source_id
    request = ContactRequest(source_id, external_id="demo-2")
    assert register_contact(request, actor="test").receipt["lead_id"] != lead.pk


def test_a_request_sent_again_is_no_second_contact_and_brings_nobody_back():
    weight = WeightFactory(operator=OperatorFactory(max_load=9))
    request = ContactRequest(weight.source_id, **KEYS, message="Call me")
    once = Once(scope="api_key:1:POST /contacts/", key="k1")
    first = register_contact(request, actor="api_key:1", once=once)
    other = Once(scope=once.scope, key="k2")
    register_contact(ContactRequest(weight.source_id, external_id="b"), actor="test", once=other)
    erase(Lead.objects.get(email=KEYS["email"]))
    again = register_contact(request, actor="api_key:1", once=once)

    assert (again.replayed, again.receipt) == (True, first.receipt)
    assert Contact.objects.count() == 2
    assert IdempotencyRecord.objects.get(key="k1").digest == ""
    assert IdempotencyRecord.objects.get(key="k2").digest


def test_only_requests_about_contacts_lose_what_they_were_like():
    """The answer of another route may have the same number in it."""
    contact = WaitingContactFactory()
    same_number = {"id": contact.pk, "name": "Demo operator"}
    begin(scope="api_key:1:POST /operators/", key="k1", digest="d")
    IdempotencyRecord.objects.update(response=same_number)
    taken = {"contact": {"id": contact.pk, "lead_id": contact.lead_id}}
    begin(scope="api_key:1:POST /take-next/", key="k2", digest="d")
    IdempotencyRecord.objects.filter(key="k2").update(response=taken)
    erase(contact.lead)

    digests = dict(IdempotencyRecord.objects.values_list("key", "digest"))
    assert digests == {"k1": "d", "k2": ""}


def test_imported_rows_are_not_looked_through():
    """They stay for ever, and so get more and more; the answers of others go after two days."""
    contact = WaitingContactFactory()
    answer = {"id": contact.pk, "lead_id": contact.lead_id}
    for scope in ("api_key:1:POST /contacts/", IMPORT_SCOPE, "user:7:page"):
        begin(scope=scope, key="k", digest="d")
    IdempotencyRecord.objects.update(response=answer)
    with CaptureQueriesContext(connection) as queries:
        forget_contents([contact.pk])

    digests = dict(IdempotencyRecord.objects.values_list("scope", "digest"))
    assert digests == {"api_key:1:POST /contacts/": "", IMPORT_SCOPE: "d", "user:7:page": ""}
    assert len(queries) == 2
    assert all(re.search(r"WHERE \(?\S+scope\S+ [<>] ", one["sql"]) for one in queries)
