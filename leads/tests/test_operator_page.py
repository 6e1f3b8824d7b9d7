"""One operator's own page, and the contacts given to them by hand."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from distribution.models import OperatorSourceWeight
from distribution.services import update_operator
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Contact
from leads.services import close_contact, requeue_contact
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    WaitingContactFactory,
)
from leads.tests.operator_pages import HTMX, busy, filled_in, state_of, text_of, url_of
from leads.views.operator import CONTACTS_SHOWN
from minicrm.tests.pages import queries_of, said

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

NOON = datetime(2030, 5, 14, 12, tzinfo=UTC)


@pytest.fixture
def source(db):
    return SourceFactory(name="Demo bot")


def take(client, operator, contact, **fields):
    headers = fields.pop("headers", {})
    data = {"expected_id": contact.pk, **fields}
    return client.post(url_of(operator, "take_next"), data, headers=headers)


# The page


def test_shows_the_share_of_each_source_as_set_and_now(viewer, source):
    operator = WeightFactory(source=source, weight=30).operator
    WeightFactory(source=source, weight=30)
    WeightFactory(source=source, weight=40, operator__is_active=False)

    row = viewer.get(url_of(operator)).context["weights"][0]

    assert (row.source, row.weight) == (source, 30)
    assert (row.configured, row.now) == (300, 500)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"operator__is_active": False}, "off"),
        ({"operator__max_load": 0}, "at the limit"),
        ({"weight": 0}, "weight 0"),
        ({"source__is_active": False}, "the source is off"),
    ],
)
def test_says_why_a_source_gives_nothing_now(viewer, facts, why):
    operator = WeightFactory(**({"weight": 5} | facts)).operator

    page = viewer.get(url_of(operator))

    row = page.context["weights"][0]
    assert (row.now, row.why_not) == (0, why)
    assert why in text_of(page)


def test_says_where_weights_are_set_when_there_are_none(viewer):
    assert "No source gives contacts to this operator." in text_of(
        viewer.get(url_of(OperatorFactory()))
    )


def test_shows_the_open_contacts_that_have_been_open_longest(viewer):
    operator = OperatorFactory(max_load=99)
    contacts = [
        AssignedContactFactory(operator=operator, assigned_at=NOON - timedelta(hours=hours))
        for hours in range(CONTACTS_SHOWN + 1)
    ]
    closed = ClosedContactFactory(operator=operator)

    page = viewer.get(url_of(operator))

    shown = page.context["contacts"]
    assert shown == list(reversed(contacts))[:CONTACTS_SHOWN]
    assert closed not in shown
    assert f"?operator={operator.pk}&amp;status=assigned" in page.content.decode()
    assert "These have been open longest." in text_of(page)


def test_counts_what_was_assigned_and_closed_today(viewer):
    operator = OperatorFactory()
    with time_machine.travel(NOON - timedelta(days=1), tick=False):
        yesterday = AssignedContactFactory.create_batch(2, operator=operator)
        AssignedContactFactory()
    with time_machine.travel(NOON - timedelta(hours=1), tick=False):
        today = AssignedContactFactory.create_batch(2, operator=operator)
        for contact in (yesterday[0], today[0]):
            close_contact(contact.pk, actor="test")
        requeue_contact(yesterday[1].pk, actor="test")
    with time_machine.travel(NOON, tick=False):
        close_contact(today[1].pk, actor="test")
        day = viewer_at_noon(viewer, operator).context["day"]

    assert (day.assigned, day.closed) == (2, 3)
    assert day.handling == timedelta(hours=1)


def viewer_at_noon(client, operator):
    client.force_login(client.user)  # the session of the fixture began years before
    return client.get(url_of(operator))


def test_shows_who_changed_what(supervisor):
    operator = OperatorFactory(max_load=5)
    update_operator(operator.pk, actor=f"user:{supervisor.user.pk}", max_load=9)

    page = supervisor.get(url_of(operator))

    assert "Limit: 5 → is now 9" in text_of(page)
    assert supervisor.user.username in text_of(page)
    assert f"?object_type=operator&amp;object_id={operator.pk}" in page.content.decode()


def test_needs_as_many_queries_for_much_as_for_little(supervisor):
    operator = OperatorFactory(max_load=999)

    def more(count):
        for number in range(count):
            source = WeightFactory(operator=operator).source
            WeightFactory(source=source)
            AssignedContactFactory(operator=operator, source=source)
            update_operator(operator.pk, actor=f"user:{number}", max_load=1_000 + number)

    more(2)
    few = queries_of(supervisor, url_of(operator))
    more(18)
    many = queries_of(supervisor, url_of(operator))

    assert few == many
    assert many < 20


def test_who_may_only_look_gets_no_controls(viewer):
    operator = AssignedContactFactory().operator

    html = viewer.get(url_of(operator)).content.decode()

    for page in ("edit_operator", "switch_operator", "take_next", "set_limit"):
        assert url_of(operator, page) not in html
    assert "Close contact" not in html


def test_htmx_gets_the_content_alone(viewer):
    operator = OperatorFactory(name="Demo")

    html = viewer.get(url_of(operator), headers=HTMX).content.decode()

    assert "<html" not in html
    assert "<h1>Demo</h1>" in html


def test_visitors_sign_in_and_nobody_is_not_there(client, viewer, django_user_model):
    operator = OperatorFactory()

    assert client.get(url_of(operator)).url == f"{reverse('login')}?next={url_of(operator)}"
    client.force_login(django_user_model.objects.create_user("demo-nobody"))
    assert client.get(url_of(operator)).status_code == 403
    assert viewer.post(url_of(operator))["Allow"] == "GET, HEAD"
    for number in (operator.pk + 1, 2**63, 10**30):
        assert viewer.get(reverse("leads:operator", args=[number])).status_code == 404


# Contacts by hand


def test_offers_the_oldest_of_each_source_and_the_oldest_of_all_first(supervisor, source):
    operator = busy(source, places=0)
    other = WeightFactory(operator=operator, weight=0).source
    foreign = WaitingContactFactory()
    second, first = (WaitingContactFactory(source=one) for one in (other, source))
    for one in (other, source):
        WaitingContactFactory(source=one)

    page = supervisor.get(url_of(operator, "take_next"))

    assert page.context["contacts"] == [second, first]
    assert filled_in(page, url_of(operator, "take_next"))["expected_id"] == str(second.pk)
    assert foreign not in page.context["contacts"]


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_gives_the_chosen_contact(supervisor, headers):
    source = SourceFactory(is_active=False)
    operator = busy(source)
    WaitingContactFactory(source=WeightFactory(operator=operator, weight=0).source)
    contact = WaitingContactFactory(source=source)

    response = take(supervisor, operator, contact, reason="demo", headers=headers)

    contact.refresh_from_db()
    assert contact.operator == operator
    assert contact.assignments.last().decision["reason"] == "demo"
    assert response.url == url_of(operator)
    assert said(response) == [f"Contact #{contact.pk} is with {operator} now."]


def test_giving_the_same_contact_once_more_changes_nothing(supervisor):
    source = SourceFactory(is_active=False)
    operator = busy(source)
    contact = WaitingContactFactory(source=source)
    WaitingContactFactory(source=source)

    for _ in range(2):
        take(supervisor, operator, contact)

    assert state_of(operator) == (True, 1)


def test_giving_can_be_undone(supervisor):
    source = SourceFactory(is_active=False)
    operator = busy(source)
    contact = WaitingContactFactory(source=source)
    page = supervisor.get(take(supervisor, operator, contact).url).content.decode()

    toast = page[page.index("data-toast") :]
    assert f'action="{reverse("leads:requeue_contact", args=[contact.pk])}"' in toast
    contact.refresh_from_db()
    assert f'name="version" value="{contact.version}"' in toast


def test_nobody_is_taken_over_the_limit_without_a_reason(supervisor, source):
    operator = busy(source, places=1, contacts=1)
    contact = WaitingContactFactory(source=source)

    refused = take(supervisor, operator, contact)
    unexplained = take(supervisor, operator, contact, over_limit="on")
    assert (refused.status_code, unexplained.status_code) == (409, 422)
    assert "This operator is at the limit." in text_of(refused)
    assert "Say why it goes over the limit." in text_of(unexplained)
    assert 'name="over_limit"' in refused.content.decode()
    assert state_of(operator) == (True, 1)

    take(supervisor, operator, contact, over_limit="on", reason="demo")
    assert state_of(operator) == (True, 2)
    assert_promises_kept(over_limit=True)


def test_says_that_another_contact_has_waited_longer(supervisor, source):
    operator = busy(source, places=0)
    first, second = WaitingContactFactory.create_batch(2, source=source)

    response = take(supervisor, operator, second, reason="what was typed")

    assert response.status_code == 409
    assert "Another contact has waited longer." in text_of(response)
    form = filled_in(response, url_of(operator, "take_next"))
    assert (form["expected_id"], form["reason"]) == (str(first.pk), "what was typed")


def test_gives_nothing_to_who_is_off(supervisor, source):
    operator = busy(source, operator__is_active=False)
    contact = WaitingContactFactory(source=source)

    response = take(supervisor, operator, contact)

    assert response.status_code == 409
    assert "This operator is switched off." in text_of(response)
    assert Contact.objects.waiting().count() == 1


def test_shows_the_form_again_for_what_is_no_contact(supervisor, source):
    operator = busy(source, places=0)
    WaitingContactFactory(source=source)
    address = url_of(operator, "take_next")

    for typed in ("", "x", "0", str(2**63), "9" * 5_000):
        response = supervisor.post(address, {"expected_id": typed, "reason": "what was typed"})

        assert response.status_code == 422
        assert response.context["form"].errors.keys() == {"expected_id"}
        assert filled_in(response, address)["reason"] == "what was typed"


def test_gives_no_contact_of_another_source(supervisor, source):
    operator = busy(source)
    contact = WaitingContactFactory()

    assert take(supervisor, operator, contact).status_code == 422
    assert not OperatorSourceWeight.objects.filter(source=contact.source).exists()
    assert Contact.objects.waiting().count() == 1


def test_says_that_nothing_waits(supervisor, source):
    page = supervisor.get(url_of(busy(source), "take_next"))

    assert "No contact waits in this operator’s sources." in text_of(page)


def test_only_supervisors_give_contacts(viewer, client, source):
    operator = busy(source, places=0)
    contact = WaitingContactFactory(source=source)
    address = url_of(operator, "take_next")

    assert viewer.get(address).status_code == take(viewer, operator, contact).status_code == 403
    assert take(client, operator, contact).url == f"{reverse('login')}?next={address}"
    assert viewer.put(address)["Allow"] == "GET, HEAD, POST"
    assert Contact.objects.waiting().count() == 1


def test_nobody_takes_nothing(supervisor):
    for number in (1, 2**63, 10**30):
        address = reverse("leads:take_next", args=[number])
        assert supervisor.get(address).status_code == 404
        assert supervisor.post(address, {"expected_id": 1}).status_code == 404
