"""/api/v1/leads/: finding a person by a key, however it is spelled."""

from urllib.parse import quote

import pytest

from distribution.tests.factories import SourceFactory
from leads.services import erase_lead, merge_leads
from leads.tests.factories import LeadFactory, WaitingContactFactory
from minicrm.tests.client import api_with_key, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return api_with_key()


@pytest.fixture
def lead():
    LeadFactory()
    lead = LeadFactory(
        external_id="tg-\u00e9\u0436",
        email="lead@example.com",
        phone="+442079460123",
        name="A. Lead",
    )
    LeadFactory()
    return lead


def test_shows_the_keys_in_their_normal_forms(api, lead):
    shown = api.get(f"leads/{lead.pk}").json()
    assert shown.pop("created_at").endswith("Z")
    assert shown == {
        "id": lead.pk,
        "external_id": "tg-\u00e9\u0436",
        "email": "lead@example.com",
        "phone": "+442079460123",
        "name": "A. Lead",
        "merged_into_id": None,
        "erased_at": None,
    }
    without = LeadFactory(external_id=None, phone="+12025550123")
    shown = api.get(f"leads/{without.pk}").json()
    assert shown["external_id"] is shown["email"] is None
    assert shown["name"] == ""


def test_an_erased_lead_is_a_number(api, lead):
    erase_lead(lead.pk, reason="Request 7", actor="test")
    shown = api.get(f"leads/{lead.pk}").json()
    assert shown["external_id"] is shown["email"] is shown["phone"] is None
    assert (shown["name"], shown["erased_at"][-1]) == ("", "Z")
    assert api.get("leads/?email=lead@example.com").json() == []


@pytest.mark.parametrize(
    ("key", "spelling"),
    [
        ("external_id", "tg-\u00e9\u0436"),
        ("external_id", "  TG-E\u0301\u0416 "),
        ("email", "lead@example.com"),
        ("email", " LEAD@Example.COM "),
        ("phone", "+442079460123"),
        ("phone", "+44 (20) 7946-0123"),
        ("phone", "8 10 44 20 7946 0123"),  # dialled from the region of the settings
    ],
)
def test_found_by_any_spelling_of_a_key(api, lead, settings, key, spelling):
    settings.PHONE_REGION = "RU"
    [found] = api.get(f"leads/?{key}={quote(spelling)}").json()
    assert found["id"] == lead.pk


def test_several_keys_must_all_hold(api, lead):
    query = f"leads/?external_id={quote(lead.external_id)}"
    assert len(api.get(f"{query}&email=lead@example.com").json()) == 1
    assert api.get(f"{query}&email=other@example.com").json() == []


def test_nobody_is_found_by_part_of_a_key(api, lead):
    assert api.get("leads/?external_id=tg-").json() == []
    assert api.get("leads/?email=lead@example.co").json() == []


def test_all_are_listed_in_ascending_id(api, lead):
    ids = [item["id"] for item in api.get("leads/").json()]
    assert len(ids) == 3
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("external_id=", 422, "blank"),
        ("email=", 422, "blank"),
        ("phone=%20", 422, "blank"),
        ("phone=%00", 422, "blank"),
        ("email=a%00%40example.com", 422, "forbidden_character"),
        ("email=nobody", 422, "invalid_email"),
        ("phone=12", 422, "invalid_phone"),
        ("name=A", 422, "unknown_field"),
        ("email=a@example.com&email=b@example.com", 422, "repeated"),
    ],
)
def test_filters_that_are_wrong(api, query, status, code):
    answer = refusal(api.get(f"leads/?{query}"))
    assert (answer[0], answer[2]) == (status, {query.partition("=")[0]: code})


# Merged leads


@pytest.fixture
def merged(lead):
    """A lead that was merged into `lead`; each had a contact."""
    merged = LeadFactory(external_id="web-7", email="other@example.com")
    for one in (lead, merged):
        WaitingContactFactory(lead=one)
    merge_leads(into_id=lead.pk, lead_id=merged.pk, actor="test")
    return merged


def test_a_merged_lead_is_found_by_its_keys_and_says_where_it_leads(api, lead, merged):
    [found] = api.get("leads/?email=other@example.com").json()
    assert (found["id"], found["merged_into_id"]) == (merged.pk, lead.pk)
    assert api.get(f"leads/{merged.pk}").json() == found


def test_a_contact_with_a_merged_leads_key_is_told_the_other_lead(api, lead, merged):
    body = {"source_id": SourceFactory().pk, "external_id": "WEB-7"}
    answer = api.post("contacts/", body)
    assert answer.status_code == 201
    assert answer.json()["lead_id"] == lead.pk


def test_contacts_of_a_merged_lead_are_found_with_the_other_ones(api, lead, merged):
    for query in (
        f"lead_id={lead.pk}",
        "external_id=web-7",
        f"external_id={quote(lead.external_id)}",
    ):
        assert len(api.get(f"contacts/?{query}").json()) == 2
    assert api.get(f"contacts/?lead_id={merged.pk}").json() == []
    assert api.get("contacts/?external_id=nobody").json() == []
