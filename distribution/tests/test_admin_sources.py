"""Sources in Django's admin: every change goes through the services."""

import pytest
from django.contrib.admin.models import LogEntry

from distribution.models import AuditEvent, Source
from distribution.tests.admin_pages import (
    NO_WEIGHTS,
    add_url,
    change_url,
    delete_url,
    errors_of,
    list_url,
    queries_of,
)
from distribution.tests.factories import SourceFactory, WeightFactory, make_key
from leads.models import Contact
from leads.tests.factories import WaitingContactFactory

pytestmark = [pytest.mark.slow_on_postgresql, pytest.mark.django_db]


def test_adds_a_source(admin_client):
    admin_client.post(add_url("source"), {"name": "Demo bot", "is_active": "on"})

    assert Source.objects.get().name == "Demo bot"


def test_a_taken_source_name_is_an_error_of_the_form(admin_client):
    SourceFactory(name="Demo bot")

    response = admin_client.post(add_url("source"), {"name": " Demo bot ", "is_active": "on"})

    assert set(errors_of(response)) == {"name"}
    assert Source.objects.count() == 1


@pytest.mark.parametrize("existing", [False, True])
def test_a_source_name_taken_meanwhile_is_an_error_of_the_form(admin_client, monkeypatch, existing):
    SourceFactory(name="Demo bot")
    other = SourceFactory(name="Other")
    # As if the other one had been stored after the form was checked.
    monkeypatch.setattr(Source, "validate_unique", lambda self, exclude=None: None)

    url = change_url(other) if existing else add_url("source")
    response = admin_client.post(url, {"name": "Demo bot", "is_active": "on"} | NO_WEIGHTS)

    assert errors_of(response) == {"name": ["There is a source of this name already."]}
    assert set(Source.objects.values_list("name", flat=True)) == {"Demo bot", "Other"}
    assert not LogEntry.objects.exists()


def test_switching_a_source_on_assigns_what_waits(admin_client):
    weight = WeightFactory(source__is_active=False)
    contact = WaitingContactFactory(source=weight.source)

    data = {"name": weight.source.name, "is_active": "on"} | NO_WEIGHTS
    admin_client.post(change_url(weight.source), data)

    contact.refresh_from_db()
    assert contact.operator == weight.operator


def test_shows_the_shares_of_a_source(admin_client):
    source = SourceFactory()
    WeightFactory(source=source, weight=2)
    WeightFactory(source=source, weight=1)
    WeightFactory(weight=7)

    page = admin_client.get(change_url(source)).content.decode()

    assert "66.7 %" in page
    assert "33.3 %" in page


def test_weights_posted_with_a_source_change_nothing(admin_client):
    weight = WeightFactory(weight=1)
    data = {
        "name": weight.source.name,
        "is_active": "on",
        "weights-TOTAL_FORMS": 1,
        "weights-INITIAL_FORMS": 1,
        "weights-0-id": weight.pk,
        "weights-0-weight": 9,
        "weights-0-DELETE": "on",
    }

    admin_client.post(change_url(weight.source), data)

    weight.refresh_from_db()
    assert weight.weight == 1


def test_deletions_of_sources_are_recorded(admin_client, admin_user):
    first, second = SourceFactory.create_batch(2)

    admin_client.post(delete_url(first), {"post": "yes"})
    data = {"action": "delete_selected", "_selected_action": [second.pk], "post": "yes"}
    admin_client.post(list_url("source"), data)

    assert not Source.objects.exists()
    events = AuditEvent.objects.filter(action="deleted", actor=f"user:{admin_user.pk}")
    assert {event.object_name for event in events} == {first.name, second.name}


def test_deletes_a_source_with_its_keys_but_not_one_with_contacts(admin_client):
    unused, used = SourceFactory(), WaitingContactFactory().source
    make_key(source=unused)

    admin_client.post(delete_url(unused), {"post": "yes"})
    admin_client.post(delete_url(used), {"post": "yes"})

    assert list(Source.objects.all()) == [used]


def test_the_delete_action_spares_sources_with_contacts(admin_client):
    unused, used = SourceFactory(), WaitingContactFactory().source
    data = {"action": "delete_selected", "_selected_action": [unused.pk, used.pk], "post": "yes"}

    admin_client.post(list_url("source"), data)

    assert Source.objects.count() == 2
    assert Contact.objects.count() == 1


def test_a_source_needs_the_same_queries_for_any_number_of_weights(admin_client):
    source = SourceFactory()
    WeightFactory.create_batch(2, source=source)
    few = queries_of(admin_client, change_url(source))
    WeightFactory.create_batch(18, source=source)

    assert queries_of(admin_client, change_url(source)) == few
