"""Texts that have more characters in their normal form than were typed, in the pages' forms."""

import pytest
from django.urls import reverse

from distribution.models import NAME_LENGTH, ApiKey, Operator, Source
from distribution.tests.factories import OperatorFactory, SourceFactory
from leads.models import REASON_LENGTH, Contact
from leads.tests.factories import AssignedContactFactory, LeadFactory

pytestmark = pytest.mark.django_db

GROWING = "\u0958"  # two in NFC


def text_of(longest):
    return GROWING * longest


@pytest.mark.parametrize("view", ["leads:create_operator", "leads:create_source"])
def test_new_names(supervisor, view):
    said = {"name": text_of(NAME_LENGTH), "max_load": 1, "is_active": "on"}
    page = supervisor.post(reverse(view), said)
    assert (page.status_code, "This is too long." in page.content.decode()) == (422, True)
    assert not Operator.objects.exists()
    assert not Source.objects.exists()


@pytest.mark.parametrize(
    ("view", "factory"), [("edit_operator", OperatorFactory), ("edit_source", SourceFactory)]
)
def test_names_of_what_is_there(supervisor, view, factory):
    there = factory(name="As it was")
    said = {"name": text_of(NAME_LENGTH), "max_load": 1, "is_active": "on"}
    page = supervisor.post(reverse(f"leads:{view}", args=[there.pk]), said)
    assert (page.status_code, "This is too long." in page.content.decode()) == (422, True)
    there.refresh_from_db()
    assert there.name == "As it was"


def test_names_of_keys(administrator):
    page = administrator.post(reverse("distribution:create_key"), {"name": text_of(120)})
    assert page.status_code == 422
    assert not ApiKey.objects.exists()


def test_names_of_people(supervisor):
    said = {"source": SourceFactory().pk, "phone": "+442079460123", "name": text_of(NAME_LENGTH)}
    page = supervisor.post(reverse("leads:create_contact"), said)
    assert (page.status_code, "This is too long." in page.content.decode()) == (422, True)
    assert not Contact.objects.exists()


def test_new_names_of_people(supervisor):
    lead = LeadFactory(name="As it was")
    said = {"name": text_of(NAME_LENGTH), "shown": "As it was"}
    page = supervisor.post(reverse("leads:lead", args=[lead.pk]), said)
    assert page.status_code < 500
    lead.refresh_from_db()
    assert lead.name == "As it was"


def test_reasons(supervisor):
    contact = AssignedContactFactory()
    said = {"version": contact.version, "reason": text_of(REASON_LENGTH)}
    page = supervisor.post(reverse("leads:close_contact", args=[contact.pk]), said)
    assert (page.status_code, "This is too long." in page.content.decode()) == (422, True)
    contact.refresh_from_db()
    assert contact.status == "assigned"
