"""What belongs to another key's source: it looks as if it were not there, wherever it is named."""

import pytest

from distribution.tests.factories import SourceFactory
from leads.models import Contact
from leads.tests.factories import AssignedContactFactory, LeadFactory
from minicrm.tests.client import api_with_key, refusal

pytestmark = pytest.mark.django_db

MISSING = 777_777


@pytest.fixture
def theirs():
    """A contact of another source, of a lead whose keys everybody knows."""
    lead = LeadFactory(external_id="known", email="known@example.com")
    return AssignedContactFactory(lead=lead)


@pytest.fixture
def api():
    return api_with_key(source=SourceFactory())


def the_same(foreign, missing):
    """Whether two refusals differ in nothing but the number that was asked for, and their ids."""
    one, other = foreign.json(), missing.json()
    for problem in (one, other):
        problem.pop("request_id")
    told = str(other).replace(str(MISSING), "N")
    return foreign.status_code == missing.status_code, str(one), told


@pytest.mark.parametrize("query", ["", "?include=history"])
def test_another_keys_contact_is_not_there(api, theirs, query):
    foreign = api.get(f"contacts/{theirs.pk}{query}")
    missing = api.get(f"contacts/{MISSING}{query}")
    same, one, other = the_same(foreign, missing)

    assert refusal(foreign) == (404, "contact_not_found", {})
    assert same
    assert one.replace(f"contact {theirs.pk}.", "contact N.") == other


@pytest.mark.parametrize(
    "filters",
    ["source_id={source}", "lead_id={lead}", "operator_id={operator}", "external_id=known", ""],
)
def test_no_filter_brings_it_to_light(api, theirs, filters):
    query = filters.format(
        source=theirs.source_id, lead=theirs.lead_id, operator=theirs.operator_id
    )

    assert api.get(f"contacts/?{query}").json() == []


@pytest.mark.parametrize("move", ["close", "reopen", "requeue", "reassign"])
def test_moves_tell_nothing_of_it(api, theirs, move):
    """No key of a source moves anything: that is said before anybody looks for the contact."""
    body = {"operator_id": theirs.operator_id} if move == "reassign" else None
    foreign = api.post(f"contacts/{theirs.pk}/{move}/", body)
    missing = api.post(f"contacts/{MISSING}/{move}/", body)

    assert refusal(foreign) == refusal(missing) == (403, "key_bound_to_source", {})
    assert Contact.objects.get(pk=theirs.pk).status == "assigned"


def test_nothing_is_posted_to_another_source(api, theirs):
    count = Contact.objects.count()
    foreign = api.post("contacts/", {"source_id": theirs.source_id, "external_id": "a"})
    missing = api.post("contacts/", {"source_id": MISSING, "external_id": "a"})

    assert refusal(foreign) == refusal(missing)
    assert refusal(foreign)[:2] == (404, "source_not_found")
    assert Contact.objects.count() == count


def test_answers_kept_for_one_key_are_not_given_to_another(api, theirs):
    body, headers = {"external_id": "known"}, {"Idempotency-Key": "demo-1"}
    other = api_with_key(source=theirs.source)
    first = other.post("contacts/", body, headers=headers)
    second = api.post("contacts/", body, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert "Idempotency-Replayed" not in second
    assert first.json()["source_id"] != second.json()["source_id"]


def test_posting_a_known_key_tells_nothing_of_the_lead(api, theirs):
    """A bot learns the number of the lead, and none of what others have told about them."""
    answer = api.post("contacts/", {"external_id": "known"})

    assert answer.json()["lead_id"] == theirs.lead_id
    assert "known@example.com" not in answer.content.decode()
    assert refusal(api.get(f"leads/{theirs.lead_id}"))[:2] == (403, "key_bound_to_source")
