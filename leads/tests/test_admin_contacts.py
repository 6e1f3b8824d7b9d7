"""Contacts and assignments in Django's admin: all to be seen, nothing to be changed."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from distribution.services import update_operator
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.models import Assignment, Contact
from leads.services import (
    ContactRequest,
    close_contact,
    reassign_contact,
    register_contact,
    reopen_contact,
    requeue_contact,
    switch_operator_off,
)
from leads.tests.admin_pages import found, list_url, queries_of, url_of
from leads.tests.factories import AssignedContactFactory, LeadFactory, WaitingContactFactory

pytestmark = [pytest.mark.slow_on_postgresql, pytest.mark.django_db]


def test_a_posted_operator_or_status_changes_nothing(admin_client):
    contact = WaitingContactFactory()
    operator = OperatorFactory()

    admin_client.post(url_of(contact), {"operator": operator.pk, "status": "assigned"})

    contact.refresh_from_db()
    operator.refresh_from_db()
    assert (contact.status, contact.operator, operator.current_load) == ("waiting", None, 0)


def test_shows_why_a_contact_went_where_it_went(admin_client):
    weight = WeightFactory(weight=7, operator__name="Demo <b>chosen</b>")
    WeightFactory(source=weight.source, operator__name="Demo off", operator__is_active=False)
    request = ContactRequest(source_id=weight.source.pk, external_id="demo-1", message="<demo>")
    contact_id = register_contact(request, actor="api_key:1").receipt["id"]

    page = admin_client.get(url_of(Contact(pk=contact_id))).content.decode()

    text = " ".join(page.split())
    facts = "<td>Demo &lt;b&gt;chosen&lt;/b&gt;</td> <td>7</td> <td>0 / 10</td>"
    assert f"{facts} <td> <strong>chosen</strong> </td>" in text
    assert "left out: off" in text
    assert "1 operator could take it, sum of weights 7." in text
    assert "decided by api_key:1" in text
    assert "&lt;demo&gt;" in text
    assert "<demo>" not in text


@pytest.mark.parametrize("decision", [{}, [], {"candidates": None, "left_out": ["odd"]}])
def test_shows_assignments_with_an_odd_decision_record(admin_client, decision):
    contact = AssignedContactFactory()
    Assignment.objects.update(decision=decision)

    page = admin_client.get(url_of(contact)).content.decode()

    assert str(contact.operator) in page


def text_of(response):
    """Return what a page says, one blank between words."""
    return " ".join(re.sub("<[^>]*>", " ", response.content.decode()).split())


def test_tells_a_contacts_life_in_words(admin_client, admin_user):
    user = f"user:{admin_user.pk}"
    weight = WeightFactory(operator__name="Demo A", operator__max_load=1)
    other = OperatorFactory(name="Demo B", max_load=0)
    request = ContactRequest(source_id=weight.source.pk, external_id="demo-1")
    contact_id = register_contact(request, actor="import").receipt["id"]
    update_operator(weight.operator.pk, actor=user, max_load=0)
    reassign_contact(
        contact_id, operator_id=other.pk, actor=user, over_limit=True, reason="Asked <for>"
    )
    requeue_contact(contact_id, actor=user, reason="Mistake")
    update_operator(weight.operator.pk, actor="assign_waiting", max_load=1)
    close_contact(contact_id, actor=user)
    update_operator(weight.operator.pk, actor=user, is_active=False)
    reopen_contact(contact_id, actor=user)

    text = text_of(admin_client.get(url_of(Contact(pk=contact_id))))

    timeline = text[text.index("When What By whom Why") : text.index("Decisions:")]
    when = r"\d+ \w+ \d{4}, \d\d:\d\d "
    events = [event.strip() for event in re.split(when, timeline)[1:]]
    assert events == [
        "Received import",
        "Given to Demo A import weighted random",
        "Handed over from Demo A to Demo B admin Over the limit: had 0 of 0."
        " Reason: Asked &lt;for&gt;",
        "Taken from Demo B and put back into the queue admin Reason: Mistake",
        "Given to Demo A assign_waiting from the queue"
        " A place came free: Demo A was switched on or given a higher limit.",
        "Closed admin",
        "Reopened: waits admin Nobody could take it. Operators left out – off: 1.",
    ]


def test_tells_what_became_of_the_contacts_of_an_operator_who_was_switched_off(admin_client):
    first = AssignedContactFactory(operator__name="Demo A")
    other = AssignedContactFactory(operator=first.operator)
    WeightFactory(source=first.source, operator__name="Demo B")

    switch_operator_off(first.operator.pk, actor="test", open_contacts="redistribute")
    switch_operator_off(first.operator.pk, actor="test", open_contacts="requeue")

    moved, waits = (text_of(admin_client.get(url_of(one))) for one in (first, other))
    assert "Handed over from Demo A, switched off, to Demo B test" in moved
    assert "Taken from Demo A, switched off, and put back into the queue test" in waits
    assert "In the queue ," in waits
    assert "Demo A was switched off." in waits


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        ({"left_out_count": {}}, "No operator has a weight for the source."),
        (
            {"left_out_count": {"at_limit": 2, "inactive": 1}},
            "Nobody could take it. Operators left out – at the limit: 2, off: 1.",
        ),
        ({"left_out_count": {}, "source_inactive": True}, "The source is switched off."),
    ],
)
def test_explains_why_a_contact_waits(admin_client, decision, text):
    contact = WaitingContactFactory()
    period = contact.assignments.get()
    period.decision = {"method": "queued", "by": "test", "operator_id": None} | decision
    period.save()

    for obj in (contact, period):
        page = text_of(admin_client.get(url_of(obj)))
        assert text in page
        assert re.search(r"In the queue , \d+ \w+ \d{4}, ", page)
        assert "decided by test" in page


def test_the_list_says_of_nobody_that_they_could_not_take_what_was_put_back(admin_client):
    contact = AssignedContactFactory()
    WeightFactory(source=contact.source, operator=contact.operator, weight=0)
    requeue_contact(contact.pk, actor="test")

    listed = text_of(admin_client.get(list_url("assignment"), {"method__exact": "queued"}))

    assert f"#{contact.pk} in the queue" in listed
    assert "nobody could take it" not in listed


@pytest.mark.parametrize(
    ("freed_by", "text"),
    [
        ({"move": "close", "contact_id": 4711}, "contact #4711 was closed."),
        ({"move": "requeue", "contact_id": 4711}, "contact #4711 was put back into the queue."),
        ({"move": "reassign", "contact_id": 4711}, "contact #4711 was handed over."),
        (
            {"change": "operator", "operator_id": 4711},
            "#4711 was switched on or given a higher limit.",
        ),
        ({"change": "load", "operator_id": 4711}, "the load of #4711 was counted anew."),
        ({"change": "weights", "source_id": 4711}, "weights were changed."),
        ({"change": "source", "source_id": 4711}, "the source was switched on."),
    ],
)
def test_tells_why_a_place_came_free(admin_client, freed_by, text):
    contact = AssignedContactFactory()
    period = contact.assignments.get()
    period.method = "drain"
    period.decision = {"method": "drain", "by": "test", "freed_by": freed_by}
    period.save()

    page = text_of(admin_client.get(url_of(contact)))

    assert page.count(f"A place came free: {text}") == 2  # in the timeline, and in the decision
    assert f"A place came free: {text}" in text_of(admin_client.get(url_of(period)))


@pytest.mark.parametrize(
    "freed_by",
    [None, {}, [], "x", {"move": "burn"}, {"move": ["close"]}, {"change": {}}, {"sweep": True}],
)
def test_tells_nothing_of_a_place_when_nothing_is_known(admin_client, freed_by):
    contact = AssignedContactFactory()
    decision = {"method": "drain", "by": "test", "freed_by": freed_by}
    contact.assignments.update(method="drain", decision=decision)

    page = text_of(admin_client.get(url_of(contact)))

    assert "from the queue" in page
    assert "A place came free" not in page


def test_a_contact_that_was_put_back_did_not_make_its_own_place(admin_client):
    contact = AssignedContactFactory(operator__name="Demo A")
    WeightFactory(source=contact.source, operator__name="Demo B")

    requeue_contact(contact.pk, actor="test")

    page = text_of(admin_client.get(url_of(contact)))
    assert "Given to Demo B test from the queue" in page
    assert "A place came free" not in page


def test_names_the_operator_whose_contacts_went_to_others(admin_client):
    contact = AssignedContactFactory(operator__name="Demo A")
    WeightFactory(source=contact.source, operator__name="Demo B")

    switch_operator_off(contact.operator.pk, actor="test", open_contacts="requeue")

    page = text_of(admin_client.get(url_of(contact)))
    assert "Given to Demo B test from the queue Demo A was switched off." in page


def test_lists_time_in_the_queue_as_that(admin_client):
    contact = WaitingContactFactory()
    close_contact(contact.pk, actor="test", reason="Not <needed>")
    period = contact.assignments.get()

    listed = text_of(admin_client.get(list_url("assignment")))
    shown = text_of(admin_client.get(url_of(period)))

    assert f"#{contact.pk} in the queue in the queue" in listed
    assert "Ended as: closed Ended by: test Reason: Not &lt;needed&gt;" in shown


def test_names_whoever_ended_a_period(admin_client, admin_user):
    contact = AssignedContactFactory()
    close_contact(contact.pk, actor=f"user:{admin_user.pk}")

    shown = text_of(admin_client.get(url_of(contact.assignments.get())))

    assert "Ended by: admin" in shown


def test_shows_the_version_on_a_contacts_own_page(admin_client):
    contact = WaitingContactFactory(version=4711)

    assert "Version: 4711" in text_of(admin_client.get(url_of(contact)))
    assert "4711" not in text_of(admin_client.get(list_url("contact")))


def test_escapes_what_a_source_sent(admin_client):
    contact = WaitingContactFactory(payload={"<img>": "<img>"}, supplied={"email": "<img>"})

    page = admin_client.get(url_of(contact)).content.decode()

    assert "&lt;img&gt;" in page
    assert "<img>" not in page


def test_links_a_contact_to_its_lead_operator_and_source(admin_client):
    contact = AssignedContactFactory()

    page = admin_client.get(url_of(contact)).content.decode()

    assert url_of(contact.lead) in page
    assert reverse("admin:distribution_operator_change", args=[contact.operator.pk]) in page
    assert reverse("admin:distribution_source_change", args=[contact.source.pk]) in page


def test_finds_contacts_by_number_or_a_leads_whole_key(admin_client):
    lead = LeadFactory(external_id="demo-1", email="demo@example.com", phone="+442079460123")
    contact = WaitingContactFactory(lead=lead)
    WaitingContactFactory()

    for query in (str(contact.pk), f"#{contact.pk}", "Demo-1", "demo@example.com", "+442079460123"):
        assert found(admin_client, "contact", query) == [contact], query


@pytest.mark.parametrize("query", ["demo", "0", "9" * 5_000, "²"])
def test_finds_no_contact_by_part_of_a_key(admin_client, query):
    WaitingContactFactory(lead=LeadFactory(external_id="demo-1"))

    assert found(admin_client, "contact", query) == []


def test_filters_contacts(admin_client):
    waiting, assigned = WaitingContactFactory(), AssignedContactFactory()

    def filtered(**query):
        return list(admin_client.get(list_url("contact"), query).context["cl"].result_list)

    assert filtered(status__exact="waiting") == [waiting]
    assert filtered(operator__id__exact=assigned.operator.pk) == [assigned]
    assert filtered(source__id__exact=waiting.source.pk) == [waiting]


def test_a_contact_needs_the_same_queries_for_any_number_of_assignments(admin_client):
    contact = AssignedContactFactory()
    few = queries_of(admin_client, url_of(contact))
    now = timezone.now()
    for operator in OperatorFactory.create_batch(10):
        decision = {"operator_id": operator.pk, "candidates": [{"operator_id": operator.pk}]}
        Assignment.objects.create(
            contact=contact,
            operator=operator,
            method=Assignment.Method.MANUAL,
            decision=decision,
            started_at=now,
            ended_at=now,
            ended_as=Assignment.End.REASSIGNED,
        )

    assert operator.name in admin_client.get(url_of(contact)).content.decode()
    # One more for the operators' names.
    assert queries_of(admin_client, url_of(contact)) == few + 1
