"""/api/v1/sources/."""

import pytest

from distribution.models import Source
from distribution.tests.factories import SourceFactory, WeightFactory
from leads.models import Contact
from leads.tests.factories import WaitingContactFactory
from minicrm.tests.client import api_with_key, refusal

pytestmark = pytest.mark.django_db

TAKEN = (409, "source_name_taken", {"name": "source_name_taken"})


@pytest.fixture
def api():
    return api_with_key(can_manage=True)


def test_created_active_unless_said_otherwise(api):
    response = api.post("sources/", {"name": "Telegram bot"})
    source = Source.objects.get()
    assert response.status_code == 201
    assert response.json() == {"id": source.pk, "name": "Telegram bot", "is_active": True}
    assert api.post("sources/", {"name": "Off", "is_active": False}).json()["is_active"] is False


def test_shown_and_listed(api):
    first, second = (api.post("sources/", {"name": name}).json() for name in "ba")
    assert api.get(f"sources/{second['id']}").json() == second
    assert api.get("sources/").json() == [first, second]


@pytest.mark.parametrize("name", ["Caf\u00e9", "Cafe\u0301", "  Caf\u00e9 "])
def test_name_in_use_in_any_spelling(api, name):
    SourceFactory(name="Caf\u00e9")
    response = api.post("sources/", {"name": name})
    assert refusal(response) == TAKEN
    assert "Caf\u00e9" in response.json()["detail"]
    assert Source.objects.count() == 1


def test_change_to_a_name_in_use(api):
    source, other = SourceFactory(name="A"), SourceFactory(name="B")
    for method in (api.put, api.patch):
        assert refusal(method(f"sources/{source.pk}", {"name": other.name})) == TAKEN
    source.refresh_from_db()
    assert source.name == "A"


def test_change_to_its_own_name(api):
    source = SourceFactory(name="A")
    assert api.put(f"sources/{source.pk}", {"name": "A"}).json()["name"] == "A"


def test_put_replaces_and_defaults_what_is_left_out(api):
    source = SourceFactory(name="A", is_active=False)
    replaced = api.put(f"sources/{source.pk}", {"name": "B"})
    assert replaced.json() == {"id": source.pk, "name": "B", "is_active": True}
    response = api.put(f"sources/{source.pk}", {"is_active": True})
    assert refusal(response) == (422, "invalid_request", {"name": "required"})


@pytest.mark.parametrize("change", [{"name": "New"}, {"is_active": False}, {}])
def test_patch_changes_what_is_given_and_nothing_else(api, change):
    source = SourceFactory(name="Old")
    expected = {"id": source.pk, "name": "Old", "is_active": True} | change
    assert api.patch(f"sources/{source.pk}", change).json() == expected
    assert api.get(f"sources/{source.pk}").json() == expected


@pytest.mark.parametrize("field", ["name", "is_active"])
def test_patch_to_null_is_refused(api, field):
    response = api.patch(f"sources/{SourceFactory().pk}", {field: None})
    assert refusal(response) == (422, "invalid_request", {field: "wrong_type"})


def test_contacts_of_a_source_that_is_off_wait_until_it_is_on(api):
    weight = WeightFactory(source=SourceFactory(is_active=False))
    body = {"source_id": weight.source_id, "external_id": "a"}
    assert api.post("contacts/", body).json()["status"] == "waiting"
    api.patch(f"sources/{weight.source_id}", {"is_active": True})
    assert Contact.objects.get().operator_id == weight.operator_id


def test_renaming_a_source_that_is_off_assigns_nothing(api):
    weight = WeightFactory(source=SourceFactory(is_active=False))
    contact = WaitingContactFactory(source=weight.source)
    api.patch(f"sources/{weight.source_id}", {"name": "Renamed"})
    contact.refresh_from_db()
    assert contact.status == "waiting"
