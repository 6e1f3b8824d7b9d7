"""Contacts and assignments in Django's admin: all to be seen, nothing to be changed."""

import pytest
from django.urls import reverse
from django.utils import timezone

from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.models import Assignment, Contact
from leads.services import ContactRequest, register_contact
from leads.tests.admin_pages import found, list_url, queries_of, url_of
from leads.tests.factories import AssignedContactFactory, LeadFactory, WaitingContactFactory

pytestmark = pytest.mark.django_db


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
    facts = "<td> Demo &lt;b&gt;chosen&lt;/b&gt; </td> <td>7</td> <td>0 / 10</td>"
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
