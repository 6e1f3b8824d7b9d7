"""/api/v1/contacts/: what a bot hands in and what it can read back."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from distribution.models import Operator
from distribution.tests.factories import SourceFactory, WeightFactory
from leads.models import Assignment, Contact, Lead
from leads.tests.factories import AssignedContactFactory, LeadFactory, WaitingContactFactory
from minicrm.tests.client import api_with_key, refusal

pytestmark = pytest.mark.django_db

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def api():
    return api_with_key()


@pytest.fixture
def weight():
    """An operator with a place, and the source they get contacts of."""
    return WeightFactory()


def ids(response):
    return [item["id"] for item in response.json()]


# Handing in -----------------------------------------------------------------------------------


def test_contact_goes_to_an_operator_at_once(api, weight):
    before = timezone.now()
    response = api.post("contacts/", {"source_id": weight.source_id, "external_id": "TG-1"})
    assert response.status_code == 201
    contact, receipt = Contact.objects.get(), response.json()
    created = datetime.fromisoformat(receipt.pop("created_at"))
    assigned = datetime.fromisoformat(receipt.pop("assigned_at"))
    assert receipt == {
        "id": contact.pk,
        "lead_id": Lead.objects.get(external_id="tg-1").pk,
        "source_id": weight.source_id,
        "operator_id": weight.operator_id,
        "operator": weight.operator.name,
        "status": "assigned",
    }
    assert before <= created <= assigned <= timezone.now()
    assert (created.utcoffset(), contact.created_at) == (timedelta(0), created)
    assert Operator.objects.get().current_load == 1
    assert Assignment.objects.get().decision["by"].startswith("api_key:")


def test_contact_that_nobody_can_take_waits(api, weight):
    Operator.objects.update(max_load=0)
    response = api.post("contacts/", {"source_id": weight.source_id, "external_id": "a"})
    assert response.status_code == 201
    receipt = response.json()
    assert receipt["status"] == "waiting"
    assert receipt["operator_id"] is receipt["operator"] is receipt["assigned_at"] is None
    assert Contact.objects.get().status == "waiting"


def test_everything_that_was_sent_comes_back(api, weight):
    sent = {"name": "A. Lead", "message": "Call me\nback.", "payload": {"campaign": ["a", 1]}}
    body = {"source_id": weight.source_id, "email": "Lead@Example.com", **sent}
    receipt = api.post("contacts/", body).json()
    contact = api.get(f"contacts/{receipt['id']}").json()
    assert contact == receipt | sent | {"closed_at": None, "version": 1}


def test_what_is_left_out_comes_back_empty(api, weight):
    receipt = api.post("contacts/", {"source_id": weight.source_id, "external_id": "a"}).json()
    contact = api.get(f"contacts/{receipt['id']}").json()
    assert (contact["name"], contact["message"], contact["payload"]) == ("", "", {})


@pytest.mark.parametrize(
    "key", [{"external_id": "a"}, {"email": "a@example.com"}, {"phone": "+44 20 7946 0123"}]
)
def test_one_key_is_enough(api, weight, key):
    blank = {"external_id": " ", "email": "", "phone": "\u200b", "name": None, "payload": None}
    body = {"source_id": weight.source_id} | blank | key
    assert api.post("contacts/", body).status_code == 201
    lead = Lead.objects.get()
    assert [lead.external_id, lead.email, lead.phone].count(None) == 2


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"external_id": "", "email": " ", "phone": "\u200b"},
        {"external_id": None, "email": None, "phone": None},
        {"name": "A. Lead", "message": "Hello"},
    ],
)
def test_contact_of_nobody_is_refused(api, weight, keys):
    response = api.post("contacts/", {"source_id": weight.source_id} | keys)
    assert refusal(response) == (422, "lead_key_required", {})
    assert not Contact.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("email", "a", "invalid_email"),
        ("email", "a@", "invalid_email"),
        ("email", "a@localhost", "invalid_email"),
        ("email", "a b@example.com", "invalid_email"),
        ("email", "a@example.com, b@example.com", "invalid_email"),
        ("phone", "call me", "invalid_phone"),
        ("phone", "12", "invalid_phone"),
        ("phone", "+6211111111111111111", "invalid_phone"),  # as long as Indonesia's plan allows
        ("phone", "+44 20 7946 0123 0123 0123", "invalid_phone"),
        ("external_id", "a\u200bb", "invisible_character"),
    ],
)
def test_key_without_a_normal_form_is_named(api, weight, field, value, code):
    body = {"source_id": weight.source_id, "external_id": "a"} | {field: value}
    assert refusal(api.post("contacts/", body)) == (422, code, {field: code})
    assert not Lead.objects.exists()


def test_two_spellings_of_one_person_make_one_lead(api, weight):
    body = {"source_id": weight.source_id}
    first = api.post("contacts/", body | {"external_id": "TG-\u00c91", "phone": "+442079460123"})
    second = api.post("contacts/", body | {"external_id": " tg-e\u03011 "})
    third = api.post("contacts/", body | {"phone": "+44 (20) 7946-0123"})
    assert first.json()["lead_id"] == second.json()["lead_id"] == third.json()["lead_id"]
    assert len({answer.json()["id"] for answer in (first, second, third)}) == 3


def test_limit_is_kept_and_the_rest_waits(api, weight):
    Operator.objects.update(max_load=2)
    body = {"source_id": weight.source_id, "external_id": "a"}
    states = [api.post("contacts/", body).json()["status"] for _ in range(4)]
    assert states == ["assigned", "assigned", "waiting", "waiting"]
    assert Operator.objects.get().current_load == 2


# Reading --------------------------------------------------------------------------------------


@pytest.fixture
def three(weight):
    """A waiting, an assigned and a closed contact, an hour apart, all different otherwise."""
    waiting = WaitingContactFactory(created_at=NOON)
    assigned = AssignedContactFactory(created_at=NOON + timedelta(hours=1))
    closed = AssignedContactFactory(created_at=NOON + timedelta(hours=2))
    closed.status, closed.closed_at = Contact.Status.CLOSED, NOON + timedelta(hours=3)
    closed.save()
    return waiting, assigned, closed


def test_states(api, three):
    for contact, status in zip(three, ("waiting", "assigned", "closed"), strict=True):
        assert ids(api.get(f"contacts/?status={status}")) == [contact.pk]
        shown = api.get(f"contacts/{contact.pk}").json()
        assert shown["status"] == status
        assert shown["operator"] == (contact.operator and contact.operator.name)
        assert bool(shown["closed_at"]) is (status == "closed")


def test_filters_by_source_operator_and_lead(api, three):
    for contact in three:
        assert ids(api.get(f"contacts/?source_id={contact.source_id}")) == [contact.pk]
        assert ids(api.get(f"contacts/?lead_id={contact.lead_id}")) == [contact.pk]
        if contact.operator_id:
            assert ids(api.get(f"contacts/?operator_id={contact.operator_id}")) == [contact.pk]
    assert ids(api.get("contacts/?lead_id=77777")) == []


def test_filters_must_all_hold(api, three):
    _, assigned, _ = three
    query = f"contacts/?source_id={assigned.source_id}&lead_id={assigned.lead_id}"
    assert ids(api.get(f"{query}&status=assigned")) == [assigned.pk]
    assert ids(api.get(f"{query}&status=waiting")) == []
    assert ids(api.get(f"{query}&operator_id={assigned.operator_id}")) == [assigned.pk]


@pytest.mark.parametrize("spelling", ["stra\u00dfe-\u00e9", "STRASSE-\u00c9", " strasse-e\u0301 "])
def test_filter_by_external_id_in_any_spelling(api, spelling):
    contact = WaitingContactFactory(lead=LeadFactory(external_id="strasse-\u00e9"))
    WaitingContactFactory()
    assert ids(api.get(f"contacts/?external_id={quote(spelling)}")) == [contact.pk]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("created_after=2030-01-01T12:00:00Z", [1, 2]),
        ("created_after=2030-01-01T11:59:59.999999Z", [0, 1, 2]),
        ("created_before=2030-01-01T13:00:00Z", [0]),
        ("created_before=2030-01-01T13:00:00.000001Z", [0, 1]),
        ("created_after=2030-01-01T12:00:00Z&created_before=2030-01-01T14:00:00Z", [1]),
        ("created_after=2030-01-01T15:30:00%2B03:00", [1, 2]),
        ("created_after=2030-01-01T15:30:00%2B0300", [1, 2]),
        ("created_after=2030-01-01T12:30:00", [1, 2]),  # the server's time zone, UTC here
        ("created_after=2030-01-01", [0, 1, 2]),
        ("created_before=2030-01-01", []),
        ("created_after=0001-01-01T00:00:00Z", [0, 1, 2]),
        ("created_before=9999-12-31T23:59:59Z", [0, 1, 2]),
    ],
)
def test_filter_by_the_moment_of_arrival(api, three, query, found):
    assert ids(api.get(f"contacts/?{query}")) == [three[index].pk for index in found]


def test_moment_read_here_finds_what_came_later_and_not_the_same_again(api, weight):
    body = {"source_id": weight.source_id, "external_id": "a"}
    first, second = (api.post("contacts/", body).json() for _ in range(2))
    after = api.get(f"contacts/?created_after={quote(first['created_at'])}")
    before = api.get(f"contacts/?created_before={quote(second['created_at'])}")
    assert (ids(after), ids(before)) == ([second["id"]], [first["id"]])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("status=open", "unknown_value"),
        ("status=", "unknown_value"),
        ("status=WAITING", "unknown_value"),
        ("external_id=", "blank"),
        ("external_id=%E2%80%8B", "blank"),
        ("external_id=a%00b", "forbidden_character"),
        ("external_id=a%E2%80%AEb", "forbidden_character"),
        ("external_id=a%FFb", None),
        ("external_id=" + "x" * 256, "too_long"),
        ("source_id=0", "out_of_range"),
        (f"source_id={2**63}", "out_of_range"),
        ("created_after=", "wrong_type"),
        ("created_after=yesterday", "wrong_type"),
        ("created_after=2030-13-01", "wrong_type"),
        ("created_after=2030-01-01T15:30:00+03:00", "wrong_type"),  # an unquoted plus is a space
        ("created_after=0001-01-01T00:00:00%2B14:00", "out_of_range"),
        ("created_before=9999-12-31T23:59:59-14:00", "out_of_range"),
        ("created_after=1893456000", "wrong_type"),  # not seconds since 1970
    ],
)
def test_filters_that_are_wrong(api, query, code):
    response = api.get(f"contacts/?{query}")
    if code is None:  # no such contact
        assert response.json() == []
    else:
        status, problem, errors = refusal(response)
        assert (status, problem) == (422, "invalid_request")
        assert errors == {query.partition("=")[0]: code}


def test_contact_shows_the_operator_it_has_now(api, weight):
    contact = WaitingContactFactory(source=weight.source)
    assert api.get(f"contacts/{contact.pk}").json()["operator"] is None
    managing = api_with_key(can_manage=True)
    managing.patch(f"operator-sources/{weight.pk}", {"weight": 2})
    shown = api.get(f"contacts/{contact.pk}").json()
    assert (shown["operator_id"], shown["operator"]) == (weight.operator_id, weight.operator.name)


def test_sources_of_others_are_not_mixed_in(api):
    source = SourceFactory()
    mine = WaitingContactFactory.create_batch(2, source=source)
    WaitingContactFactory()
    bound = api_with_key(source=source)
    assert ids(bound.get("contacts/")) == [contact.pk for contact in mine]
    assert len(ids(api.get("contacts/"))) == 3


def test_an_invisible_name_counts_as_left_out(api, weight):
    body = {"source_id": weight.source_id, "external_id": "one"}
    assert api.post("contacts/", body | {"name": "\u200b"}).status_code == 201
    assert Lead.objects.get().name == ""
    api.post("contacts/", body | {"name": "One"})
    assert Lead.objects.get().name == "One"


def test_the_receipt_is_json_like_all_other_answers(api, weight):
    posted = api.post("contacts/", {"source_id": weight.source_id, "external_id": "one"})
    read = api.get(f"contacts/{posted.json()['id']}")
    assert posted["Content-Type"] == read["Content-Type"] == "application/json; charset=utf-8"
