"""Forms in Django's admin that were open while somebody else changed the same thing."""

import re
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry

from distribution.models import AuditEvent
from distribution.services import update_operator, update_source, update_weight
from distribution.tests.admin_pages import NO_WEIGHTS, add_url, change_url, errors_of
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Lead
from leads.tests.admin_pages import url_of as lead_url
from leads.tests.factories import LeadFactory

pytestmark = [pytest.mark.slow_on_postgresql, pytest.mark.django_db]


def filled_in(response):
    """Return what a browser sends back of a form when nobody touches it."""
    html = response.content.decode()
    html = html[html.index('id="') :]
    values = {}
    for tag in re.findall(r"<input[^>]*>", html):
        facts = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        if facts.get("type") in ("submit", "search", "button") or "name" not in facts:
            continue
        if facts.get("type") == "checkbox":
            if re.search(r"\bchecked\b", tag):
                values[facts["name"]] = facts.get("value", "on")
            continue
        values[facts["name"]] = facts.get("value", "")
    return values


def opened(client, obj, url=None):
    return filled_in(client.get(url or change_url(obj)))


def changes_of(kind):
    return AuditEvent.objects.filter(object_type=kind, action="changed", actor__startswith="user:")


def test_an_operator_whom_a_colleague_switched_off_stays_off(admin_client):
    operator = OperatorFactory(max_load=5)
    form = opened(admin_client, operator)
    update_operator(operator.pk, actor="test", is_active=False, max_load=3)

    admin_client.post(change_url(operator), form | {"name": "Demo renamed"})

    operator.refresh_from_db()
    assert (operator.name, operator.is_active, operator.max_load) == ("Demo renamed", False, 3)
    assert LogEntry.objects.get().get_change_message() == "Changed Name."
    assert changes_of("operator").count() == 1


def test_an_operator_whom_a_colleague_switched_on_stays_on(admin_client):
    operator = OperatorFactory(is_active=False)
    form = opened(admin_client, operator)
    update_operator(operator.pk, actor="test", is_active=True)

    admin_client.post(change_url(operator), form | {"max_load": 77})

    operator.refresh_from_db()
    assert (operator.is_active, operator.max_load) == (True, 77)


def test_what_was_changed_is_written_whatever_others_did(admin_client):
    operator = OperatorFactory(name="Demo A", max_load=5)
    form = opened(admin_client, operator)
    update_operator(operator.pk, actor="test", name="Demo B", max_load=3)
    del form["is_active"]

    admin_client.post(change_url(operator), form | {"max_load": 9})

    operator.refresh_from_db()
    assert (operator.name, operator.is_active, operator.max_load) == ("Demo B", False, 9)


def test_a_form_that_is_shown_again_still_knows_what_it_showed_first(admin_client):
    operator = OperatorFactory(name="Demo A", max_load=5)
    form = opened(admin_client, operator)
    update_operator(operator.pk, actor="test", is_active=False)

    wrong = admin_client.post(change_url(operator), form | {"max_load": -1, "name": "Demo B"})
    assert errors_of(wrong).keys() == {"max_load"}
    admin_client.post(change_url(operator), filled_in(wrong) | {"max_load": 5})

    operator.refresh_from_db()
    assert (operator.name, operator.is_active) == ("Demo B", False)


def test_a_form_without_what_was_shown_writes_what_it_says(admin_client):
    """As scripts send it, or a page that was open during an upgrade."""
    operator = OperatorFactory(max_load=5)
    data = {"name": operator.name, "max_load": -1}

    wrong = admin_client.post(change_url(operator), data)
    admin_client.post(change_url(operator), filled_in(wrong) | {"max_load": 7})

    operator.refresh_from_db()
    assert (operator.is_active, operator.max_load) == (False, 7)


def test_a_source_that_a_colleague_switched_off_stays_off(admin_client):
    source = SourceFactory()
    form = opened(admin_client, source) | NO_WEIGHTS
    update_source(source.pk, actor="test", is_active=False)

    admin_client.post(change_url(source), form | {"name": "Demo renamed"})

    source.refresh_from_db()
    assert (source.name, source.is_active) == ("Demo renamed", False)


def test_a_weight_that_a_colleague_changed_stays_so(admin_client):
    weight = WeightFactory(weight=1)
    form = opened(admin_client, weight)
    update_weight(weight.pk, weight=0, actor="test")

    admin_client.post(change_url(weight), form)
    weight.refresh_from_db()
    assert weight.weight == 0

    admin_client.post(change_url(weight), form | {"weight": 4})
    weight.refresh_from_db()
    assert weight.weight == 4


def test_a_lead_that_a_colleague_renamed_keeps_the_name(admin_client):
    lead = LeadFactory(name="Demo A")
    form = opened(admin_client, lead, lead_url(lead))
    Lead.objects.update(name="Demo B")

    admin_client.post(lead_url(lead), form)

    lead.refresh_from_db()
    assert lead.name == "Demo B"


@pytest.mark.parametrize("model", ["operator", "source", "operatorsourceweight"])
def test_a_new_object_has_nothing_shown_before(admin_client, model):
    assert 'name="initial-' not in admin_client.get(add_url(model)).content.decode()
