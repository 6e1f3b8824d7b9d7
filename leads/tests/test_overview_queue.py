"""The waiting queue of the overview: ages, reasons, and who could take a contact."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone, translation

from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Contact
from leads.overview.queue import SHOWN, read_queue
from leads.tests.factories import ClosedContactFactory, WaitingContactFactory
from leads.tests.overview_page import card, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]


def read(now=None):
    with translation.override("en"):
        return read_queue(now or timezone.now())


def test_shows_the_oldest_and_counts_all(viewer):
    ClosedContactFactory()
    contacts = WaitingContactFactory.create_batch(SHOWN + 3)

    queue = read()

    assert [row.contact for row in queue.rows] == contacts[:SHOWN]
    assert queue.total == SHOWN + 3
    assert queue.oldest == contacts[0].created_at
    html = card(text_of(viewer), "queue")
    assert f'<span class="badge is-orange">{SHOWN + 3}</span>' in html
    assert f'href="{reverse("leads:contacts")}?status=waiting"' in html


@pytest.mark.parametrize(
    ("minutes", "colour"), [(0, "is-grey"), (4, "is-grey"), (5, "is-orange"), (10, "is-red")]
)
def test_ages_have_a_colour(minutes, colour):
    now = timezone.now()
    WaitingContactFactory(created_at=now - timedelta(minutes=minutes))

    assert read(now).rows[0].colour == colour


def test_says_why_each_waits():
    full = OperatorFactory(current_load=1, max_load=1)
    off = OperatorFactory(is_active=False)
    sources = {
        "its source is off": (SourceFactory(is_active=False), 1, 1),
        "no operator has a weight": (SourceFactory(), 0, 0),
        "its operators are off": (SourceFactory(), 0, 1),
        "its operators are at the limit": (SourceFactory(), 1, 1),
    }
    for source, weight_of_full, weight_of_off in sources.values():
        WaitingContactFactory(source=source)
        WeightFactory(source=source, operator=full, weight=weight_of_full)
        WeightFactory(source=source, operator=off, weight=weight_of_off)

    assert [row.why for row in read().rows] == list(sources)


def test_suggests_the_least_busy_operator_with_a_free_place():
    OperatorFactory(current_load=5, max_load=10)
    OperatorFactory(current_load=10, max_load=10)
    OperatorFactory(is_active=False)
    OperatorFactory(max_load=0)
    free = OperatorFactory(current_load=4, max_load=10)
    WaitingContactFactory()

    assert read().rows[0].suggested == free


def test_suggests_who_has_most_weight_for_a_source_that_is_off():
    OperatorFactory()
    source = SourceFactory(is_active=False)
    light, heavy = OperatorFactory(current_load=3), OperatorFactory(current_load=9)
    for operator, weight in (
        (light, 1),
        (heavy, 5),
        (OperatorFactory(current_load=10), 9),
        (OperatorFactory(is_active=False), 9),
    ):
        WeightFactory(source=source, operator=operator, weight=weight)
    WaitingContactFactory(source=source)

    assert read().rows[0].suggested == heavy


def test_nobody_is_suggested_where_nobody_is_free():
    OperatorFactory(max_load=0)
    WaitingContactFactory()

    assert read().rows[0].suggested is None


def test_one_click_assigns(supervisor):
    operator = OperatorFactory(name="Demo operator")
    contact = WaitingContactFactory()
    html = card(text_of(supervisor), "queue")
    address = reverse("leads:reassign_contact", args=[contact.pk])

    assert f'<form method="post" action="{address}" hx-boost="true">' in html
    assert "<span>Assign to Demo operator</span>" in html
    fields = {"operator_id": operator.pk, "version": contact.version, "next": "/"}
    for name, value in fields.items():
        assert f'<input type="hidden" name="{name}" value="{value}">' in html
    response = supervisor.post(address, fields)

    assert response.status_code == 302
    assert response.url == "/"
    contact.refresh_from_db()
    assert (contact.status, contact.operator) == (Contact.Status.ASSIGNED, operator)


def test_offers_a_choice_where_nobody_is_free(supervisor):
    contact = WaitingContactFactory()
    html = card(text_of(supervisor), "queue")

    assert "<form" not in html
    assert f'href="{reverse("leads:reassign_contact", args=[contact.pk])}" data-dialog' in html


def test_viewers_assign_nothing(viewer):
    OperatorFactory()
    contact = WaitingContactFactory()
    html = card(text_of(viewer), "queue")

    assert f'id="waiting-{contact.pk}"' in html
    assert "reassign" not in html
