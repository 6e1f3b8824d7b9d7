"""The figures of the overview, and what today is compared with."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone, translation

from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.models import Assignment
from leads.overview.figures import TimeToAssign, duration_text, read_time_to_assign
from leads.overview.operators import read_operators
from leads.overview.today import NOBODY, Today, midnight, read_today
from leads.templatetags.overview import minutes_text
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    WaitingContactFactory,
)
from leads.tests.overview_page import card, figure, text_of
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

WEDNESDAY = datetime(2030, 5, 1, 14, 30, tzinfo=UTC)


def test_counts_operators_and_free_places(viewer):
    OperatorFactory(current_load=3, max_load=10)
    OperatorFactory(current_load=12, max_load=10)
    OperatorFactory(max_load=1_000, is_active=False)

    html = text_of(viewer)

    assert figure(html, "Operators on") == ("2 / 3", "1 off")
    assert figure(html, "Free places") == ("7 / 20", "65\xa0% taken")


def test_groups_the_digits_of_big_numbers(viewer):
    OperatorFactory(max_load=2_000_000)

    assert "2,000,000 / 2,000,000" in text_of(viewer)
    assert "2\xa0000\xa0000 / 2\xa0000\xa0000" in text_of(viewer, headers={"Accept-Language": "ru"})


def test_counts_the_waiting_and_tells_how_long_the_oldest_has_waited(viewer):
    now = timezone.now()
    WaitingContactFactory(created_at=now - timedelta(minutes=12))
    WaitingContactFactory(created_at=now - timedelta(minutes=3))
    AssignedContactFactory(created_at=now - timedelta(hours=5))

    assert figure(text_of(viewer), "Waiting") == ("2", "oldest for12 min")


def test_counts_the_contacts_since_midnight(settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    begins = datetime(2030, 5, 1, 15, tzinfo=UTC)  # there
    WaitingContactFactory(created_at=begins)
    WaitingContactFactory(created_at=begins - timedelta(seconds=1))

    assert read_today(begins + timedelta(hours=5)).total == 1


@pytest.mark.parametrize(
    ("today", "a_week_ago", "text"),
    [
        (27, 25, "+8 % vs. last Wed"),
        (24, 25, "−4 % vs. last Wed"),
        (25, 25, "±0 % vs. last Wed"),
        (0, 10, "−100 % vs. last Wed"),
        (9, 9, "9 by this time last Wed"),
        (9, 1, "1 by this time last Wed"),
        (9, 0, "none by this time last Wed"),
    ],
)
def test_says_how_today_compares(today, a_week_ago, text):
    with translation.override("en"):
        assert Today(WEDNESDAY, Counter({NOBODY: today}), a_week_ago).comparison == text


def test_compares_today_with_the_same_hours_a_week_ago():
    then = WEDNESDAY - timedelta(days=7)
    for moment in (WEDNESDAY, then, then, then, WEDNESDAY - timedelta(hours=14)):
        WaitingContactFactory(created_at=moment - timedelta(minutes=1))
    WaitingContactFactory(created_at=then + timedelta(minutes=1))  # later that day
    WaitingContactFactory(created_at=then - timedelta(hours=15))  # the day before

    numbers = read_today(WEDNESDAY)

    assert (numbers.total, numbers.last_week) == (2, 3)


def test_compares_by_the_clock_on_the_wall(settings):
    """Between the two Wednesdays the clocks were put forward."""
    settings.TIME_ZONE = "Europe/Berlin"
    now = datetime(2030, 4, 3, 8, tzinfo=UTC)  # 10:00 there
    ClosedContactFactory(created_at=datetime(2030, 3, 27, 8, 59, tzinfo=UTC))  # 9:59
    ClosedContactFactory(created_at=datetime(2030, 3, 27, 9, 1, tzinfo=UTC))  # 10:01
    ClosedContactFactory(created_at=datetime(2030, 3, 26, 22, 59, tzinfo=UTC))  # the day before

    assert read_today(now).last_week == 1
    assert midnight(now) == datetime(2030, 4, 2, 22, tzinfo=UTC)


def test_time_to_assign_is_of_the_first_operator_and_of_today():
    for seconds in (1, 2, 3):
        came = WEDNESDAY - timedelta(hours=1)
        contact = AssignedContactFactory(
            created_at=came, assigned_at=came + timedelta(seconds=seconds)
        )
    Assignment.objects.filter(contact=contact).update(
        ended_at=WEDNESDAY, ended_as=Assignment.End.REASSIGNED
    )
    Assignment.objects.create(
        contact=contact, operator=OperatorFactory(), method="manual", started_at=WEDNESDAY
    )
    yesterday = WEDNESDAY - timedelta(days=1)
    AssignedContactFactory(created_at=yesterday, assigned_at=yesterday + timedelta(hours=2))
    WaitingContactFactory(created_at=WEDNESDAY - timedelta(hours=2))

    assert read_time_to_assign(WEDNESDAY) == TimeToAssign(median=2.0, p95=3.0)
    assert read_time_to_assign(WEDNESDAY + timedelta(days=1)) is None


def test_nearly_all_are_95_of_100():
    assert TimeToAssign.of([float(number) for number in range(100, 0, -1)]).p95 == 95.0
    assert TimeToAssign.of([3.0]) == TimeToAssign(3.0, 3.0)
    assert TimeToAssign.of([]) is None


def test_shows_the_time_to_assign(db):
    with time_machine.travel(WEDNESDAY, tick=False):
        viewer = sign_in("viewer")
        assert figure(text_of(viewer), "Time to assign") == ("–", "none assigned today")
        AssignedContactFactory(assigned_at=WEDNESDAY + timedelta(milliseconds=38))
        assert figure(text_of(viewer), "Time to assign") == ("38 ms", "95 % within 38 ms")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0384, "38 ms"),
        (1, "1.0 s"),
        (1.44, "1.4 s"),
        (9.96, "10.0 s"),
        (10, "10 s"),
        (150, "2 min"),
        (9_000, "2 h"),
    ],
)
def test_durations_are_told_in_a_unit_that_fits(seconds, text):
    with translation.override("en"):
        assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "under 1 min"), (59, "under 1 min"), (60, "1 min"), (119, "1 min"), (120, "2 min")],
)
def test_ages_have_no_seconds(seconds, text):
    with translation.override("en"):
        assert minutes_text(seconds) == text


def test_an_operators_row():
    first, second = OperatorFactory(name="Demo operator 3"), OperatorFactory(name="Zoë")
    for weight in (1, 5, 3, 2, 0):
        WeightFactory(operator=first, weight=weight, source__name=f"Source of {weight}")
    came = WEDNESDAY - timedelta(minutes=7)
    for operator, minutes in ((first, 30), (first, 20), (second, 5), (first, 0)):
        moment = came - timedelta(minutes=minutes)
        AssignedContactFactory(operator=operator, created_at=moment, assigned_at=moment)
    WaitingContactFactory(created_at=came)

    one, two = read_operators(read_today(WEDNESDAY))

    assert (one.operator, one.initials, one.share) == (first, "D3", "75\xa0%")
    assert (two.operator, two.initials, two.share) == (second, "Z", "25\xa0%")
    assert one.last_assigned_at == came
    assert one.first_sources == ["Source of 5", "Source of 3", "Source of 2"]
    assert one.more_sources == ["Source of 1"]
    assert two.sources == []


def test_viewers_see_a_state_and_supervisors_a_switch(viewer, supervisor):
    OperatorFactory(max_load=3)
    busy = OperatorFactory(current_load=2)
    OperatorFactory(current_load=1, is_active=False)

    free, asks, off = card(text_of(supervisor), "operators").split("<tr ")[1:]
    html = card(text_of(viewer), "operators")

    assert 'name="is_active" value="0"' in free
    assert 'role="switch" aria-checked="true"' in free
    assert "<form" not in asks
    assert f'href="/operators/{busy.pk}/switch/" data-dialog' in asks
    assert 'name="is_active" value="1"' in off
    assert 'role="switch" aria-checked="false"' in off
    assert html.count('<span class="badge is-green">on</span>') == 2
    assert html.count('<span class="badge is-grey">off</span>') == 1
    assert "/switch/" not in html


def test_switching_leads_back_to_the_overview(supervisor):
    operator = OperatorFactory()
    address = reverse("leads:switch_operator", args=[operator.pk])
    html = card(text_of(supervisor), "operators")
    assert f'<form method="post" action="{address}" hx-boost="true">' in html
    assert '<input type="hidden" name="next" value="/">' in html

    response = supervisor.post(address, {"is_active": "0", "next": "/"}, follow=True)

    assert response.redirect_chain == [("/", 302)]
    assert 'name="is_active" value="1"' in response.content.decode()


@pytest.mark.parametrize(
    ("load", "limit", "active", "state"),
    [
        (7, 10, True, "free"),
        (8, 10, True, "busy"),
        (12, 10, True, "full"),
        (0, 0, True, "full"),
        (3, 10, False, "off"),
    ],
)
def test_shows_how_full_an_operator_is(viewer, load, limit, active, state):
    OperatorFactory(name="Demo", current_load=load, max_load=limit, is_active=active)

    html = card(text_of(viewer), "operators")

    value, maximum = (min(load, limit), limit) if limit else (1, 1)
    bar = f'<progress class="load {state}" value="{value}" max="{maximum}"'
    assert f'{bar} aria-label="Load of Demo">' in html
    assert f"{load} / {limit}</span>" in html
