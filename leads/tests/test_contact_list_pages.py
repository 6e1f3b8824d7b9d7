"""The list of contacts: its filters in the address, its pages, who may see it."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from distribution.tests.factories import SourceFactory
from leads.models import Contact, Lead
from leads.tests.contact_pages import LIST, link, listed, queries_of, text_of
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    LeadFactory,
    WaitingContactFactory,
)
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]


@pytest.fixture
def contacts():
    """One contact of each status, all of other sources and leads."""
    return WaitingContactFactory(), AssignedContactFactory(), ClosedContactFactory()


def test_shows_the_newest_first_with_what_one_looks_for(supervisor, contacts):
    waiting, assigned, closed = contacts

    assert listed(supervisor) == [closed.pk, assigned.pk, waiting.pk]
    text = text_of(supervisor.get(LIST))
    for word in (assigned.source.name, assigned.lead.external_id, assigned.operator.name, "nobody"):
        assert word in text


def test_filters_by_status_source_and_operator(viewer, contacts):
    waiting, assigned, closed = contacts

    assert listed(viewer, "?status=waiting") == [waiting.pk]
    assert listed(viewer, f"?source={closed.source_id}") == [closed.pk]
    assert listed(viewer, f"?operator={assigned.operator_id}") == [assigned.pk]
    assert listed(viewer, "?operator=none") == [closed.pk, waiting.pk]
    assert listed(viewer, "?operator=none&status=closed") == [closed.pk]
    assert listed(viewer, f"?source={closed.source_id}&status=waiting") == []


def test_filters_by_the_days_of_the_servers_time_zone(viewer, settings):
    settings.TIME_ZONE = "Asia/Tokyo"  # nine hours ahead
    before, first, last, after = (
        WaitingContactFactory(created_at=datetime(2030, 5, day, hour, tzinfo=UTC))
        for day, hour in [(1, 14), (1, 15), (3, 14), (3, 15)]
    )

    assert listed(viewer, "?received_from=2030-05-02") == [after.pk, last.pk, first.pk]
    assert listed(viewer, "?received_to=2030-05-03") == [last.pk, first.pk, before.pk]
    assert listed(viewer, "?received_from=2030-05-02&received_to=2030-05-03") == [
        last.pk,
        first.pk,
    ]


@pytest.mark.parametrize(
    ("key", "value", "typed"),
    [
        ("external_id", "tg-7", " TG-7 "),
        ("email", "lead@example.com", "Lead@Example.com"),
        ("phone", "+442079460123", "+44 20 7946 0123"),
    ],
)
def test_finds_the_contacts_of_a_leads_key_however_it_is_typed(viewer, key, value, typed):
    lead = LeadFactory(**{"external_id": "demo", key: value})
    older, newer = WaitingContactFactory.create_batch(2, lead=lead)
    WaitingContactFactory()

    assert listed(viewer, "?" + urlencode({"q": typed})) == [newer.pk, older.pk]
    assert listed(viewer, "?" + urlencode({"q": typed, "status": "closed"})) == []
    assert listed(viewer, "?" + urlencode({"q": typed.strip()[:-1]})) == []


def test_finds_a_contact_by_its_number(viewer):
    contact = WaitingContactFactory()
    namesake = WaitingContactFactory(lead__external_id=str(contact.pk))

    assert listed(viewer, f"?q=%23{contact.pk}") == [contact.pk]
    assert listed(viewer, f"?q={contact.pk}") == [namesake.pk, contact.pk]


def test_finds_the_contacts_of_a_merged_lead_with_the_lead_that_has_them(viewer):
    contact = WaitingContactFactory()
    Lead.objects.create(external_id="old-id", merged_into=contact.lead)

    assert listed(viewer, "?q=old-id") == [contact.pk]


@pytest.mark.parametrize("query", ["", "?operator=none", "?operator=none&received_from=2000-01-01"])
def test_leafing_shows_each_contact_once_both_ways(viewer, query):
    """Also where many were received in the same moment."""
    source, lead, now = SourceFactory(), LeadFactory(), timezone.now()
    contacts = Contact.objects.bulk_create(
        Contact(
            source=source, lead=lead, status="waiting", created_at=now + timedelta(seconds=n // 70)
        )
        for n in range(120)
    )
    numbers = [one.pk for one in contacts][::-1]

    page, seen, pages = viewer.get(LIST + query), [], []
    assert link(page, "prev") is None
    while True:
        shown = [contact.pk for contact, _moves in page.context["rows"]]
        seen += shown
        pages.append(shown)
        if (older := link(page, "next")) is None:
            break
        assert ("operator=none" in older) == bool(query)
        page = viewer.get(LIST + older)
    assert seen == numbers
    assert [len(shown) for shown in pages] == [50, 50, 20]

    back = []
    while (newer := link(page, "prev")) is not None:
        page = viewer.get(LIST + newer)
        back.append([contact.pk for contact, _moves in page.context["rows"]])
    assert back == [pages[1], pages[0]]


NONSENSE = [
    "status=odd",
    "source=99999999999999999999999",
    "source=0x1",
    "operator=odd",
    "operator=-1",
    "received_from=never",
    "received_to=10000-01-01",
    "q=%00",
    "q=" + "9" * 290,
    "q=" + "9" * 400,
    "q=%23",
    "q=%EF%BF%BD",
    "q=%E2%80%AE",
]


@pytest.mark.parametrize("query", NONSENSE)
def test_nonsense_in_the_address_finds_nothing(viewer, contacts, query):
    assert listed(viewer, f"?{query}") == []


@pytest.mark.parametrize("query", ["before=x", "before=-1", "after=%00", "before=" + "9" * 40])
def test_nonsense_for_a_page_means_the_first(viewer, contacts, query):
    assert len(listed(viewer, f"?{query}")) == 3
    assert len(listed(viewer, f"?{query}&received_from=2000-01-01")) == 3


def test_days_are_leafed_through_in_the_order_of_receiving(viewer):
    """Numbers may be in another order: a clock was set, or contacts were taken over."""
    late, early = (
        WaitingContactFactory(created_at=datetime(2030, 5, day, tzinfo=UTC)) for day in (9, 3)
    )

    assert listed(viewer, "?received_from=2030-05-01") == [late.pk, early.pk]
    assert listed(viewer, f"?received_from=2030-05-01&before={late.pk}") == [early.pk]
    assert listed(viewer, f"?received_from=2030-05-01&after={early.pk}") == [late.pk, early.pk]


def test_says_which_filter_it_does_not_understand(viewer, contacts):
    page = viewer.get(LIST, {"received_from": "never", "q": "<demo>"}, follow=True)

    assert "Enter a valid date." in text_of(page)
    assert 'value="never"' in page.content.decode()
    assert 'value="&lt;demo&gt;"' in page.content.decode()
    assert "No contact matches the filters." in text_of(page)


def test_days_at_the_end_of_the_calendar_break_nothing(viewer, contacts):
    assert len(listed(viewer, "?received_from=0001-01-01&received_to=9999-12-31")) == 3


def test_a_page_beyond_the_end_leads_back(viewer, contacts):
    page = viewer.get(LIST, {"before": contacts[0].pk})

    assert "Show all contacts" in text_of(page)


def test_an_empty_list_says_where_contacts_come_from(viewer):
    assert "There are no contacts yet." in text_of(viewer.get(LIST))


def test_htmx_gets_the_content_alone(viewer, contacts):
    page = viewer.get(LIST, headers={"HX-Request": "true"}).content.decode()

    assert "<html" not in page
    assert f'id="contact-{contacts[0].pk}"' in page


def test_only_who_may_move_contacts_is_offered_it(viewer, supervisor, contacts):
    menus = 'class="menu-items"'

    assert menus in supervisor.get(LIST).content.decode()
    assert 'id="bulk"' in supervisor.get(LIST).content.decode()
    assert menus not in viewer.get(LIST).content.decode()
    assert 'id="bulk"' not in viewer.get(LIST).content.decode()


def test_strangers_sign_in_first_and_nobody_puts_anything_into_a_list(supervisor):
    assert "/accounts/login/" in Client().get(LIST).url
    assert sign_in().get(LIST).status_code == 403
    assert supervisor.put(LIST).status_code == 405


def test_needs_the_same_queries_for_any_number_of_contacts(supervisor):
    WaitingContactFactory.create_batch(3)
    AssignedContactFactory.create_batch(4)
    few = queries_of(supervisor, LIST)
    AssignedContactFactory.create_batch(53)

    assert queries_of(supervisor, LIST) == few
    assert few <= 10
