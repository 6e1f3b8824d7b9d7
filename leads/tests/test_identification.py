import pytest
from django.db import IntegrityError, transaction

from leads.identity import LeadKeys
from leads.models import Lead, LeadConflict
from leads.services.identification import identify_lead
from leads.tests.factories import LeadFactory

pytestmark = pytest.mark.django_db

PHONE = "+442079460123"


def test_creates_a_lead_with_the_keys_that_are_there():
    found = identify_lead(LeadKeys(email="a@example.com", phone=PHONE), name="A")
    assert found.is_new
    lead = Lead.objects.get()
    assert (lead.external_id, lead.email, lead.phone, lead.name) == (
        None,
        "a@example.com",
        PHONE,
        "A",
    )


@pytest.mark.parametrize(
    "key", [{"external_id": "a"}, {"email": "a@example.com"}, {"phone": PHONE}]
)
def test_finds_a_lead_by_any_key(key):
    lead = LeadFactory(external_id="a", email="a@example.com", phone=PHONE)
    found = identify_lead(LeadKeys(**key))
    assert (found.lead, found.is_new) == (lead, False)


def test_fills_in_missing_keys_and_never_overwrites_one():
    lead = LeadFactory(external_id="a", email="old@example.com", name="Old")
    identify_lead(LeadKeys(external_id="a", email="new@example.com", phone=PHONE), name="New")
    lead.refresh_from_db()
    assert (lead.email, lead.phone, lead.name) == ("old@example.com", PHONE, "Old")
    assert not LeadConflict.objects.exists()


def test_the_strongest_key_wins_and_the_conflict_is_kept():
    by_id = LeadFactory(external_id="a")
    by_email = LeadFactory(external_id="b", email="b@example.com")
    by_phone = LeadFactory(external_id=None, phone=PHONE)
    keys = LeadKeys(external_id="a", email="b@example.com", phone=PHONE)
    for _ in range(2):  # the second time adds nothing
        assert identify_lead(keys).lead == by_id
    by_id.refresh_from_db()
    assert (by_id.email, by_id.phone) == (None, None)
    conflicts = LeadConflict.objects.values_list("lead", "other_lead", "key")
    assert set(conflicts) == {
        (by_id.pk, by_email.pk, "email"),
        (by_id.pk, by_phone.pk, "phone"),
    }


def test_email_is_stronger_than_phone():
    by_phone = LeadFactory(external_id=None, phone=PHONE)
    by_email = LeadFactory(external_id=None, email="a@example.com")
    assert identify_lead(LeadKeys(email="a@example.com", phone=PHONE)).lead == by_email
    assert LeadConflict.objects.get().other_lead == by_phone


def test_cyrillic_ids_are_found_whatever_the_database_thinks_of_their_case():
    """SQLite folds ASCII only; so ids are folded before they reach it."""
    first = identify_lead(LeadKeys(external_id="клиент")).lead
    assert identify_lead(LeadKeys(external_id="клиент")).lead == first


@pytest.mark.parametrize("key", ["external_id", "email", "phone"])
def test_the_database_refuses_a_second_owner_of_a_key(key):
    LeadFactory(**{key: "same"})
    with pytest.raises(IntegrityError), transaction.atomic():
        LeadFactory(**{"external_id": None, key: "same"})


@pytest.mark.parametrize("key", ["external_id", "email", "phone"])
def test_the_database_refuses_a_blank_key(key):
    with pytest.raises(IntegrityError), transaction.atomic():
        LeadFactory(**{key: ""})
