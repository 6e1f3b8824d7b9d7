"""The contacts per hour: the numbers, on any day, and how they are drawn."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import translation

from distribution.tests.factories import SourceFactory
from leads.models import Contact, Lead
from leads.overview.chart import BASE, TOP, draw
from leads.overview.hours import HOURS, NAMED, Hours, Series, hours_until, read_hours
from leads.tests.overview_page import card, text_of
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

NOW = datetime(2030, 5, 1, 14, 30, tzinfo=UTC)


def contact_at(moment, source, number=1):
    lead, _created = Lead.objects.get_or_create(external_id="demo")
    row = {"source": source, "created_at": moment, "closed_at": moment, "status": "closed"}
    Contact.objects.bulk_create(Contact(lead=lead, **row) for _ in range(number))


def test_counts_by_hour_and_source():
    one, two = SourceFactory(name="One"), SourceFactory(name="Two")
    contact_at(NOW, one, 3)
    contact_at(NOW.replace(minute=0), two, 2)
    contact_at(NOW.replace(minute=0) - timedelta(seconds=1), one)
    begins = NOW.replace(minute=0) - timedelta(hours=HOURS - 1)
    contact_at(begins, two)
    contact_at(begins - timedelta(seconds=1), two)  # too long ago

    hours = read_hours(NOW)

    assert hours.starts[0] == begins
    assert [(series.name, series.source_id) for series in hours.series] == [
        ("One", one.pk),
        ("Two", two.pk),
    ]
    assert hours.series[0].counts == [0] * (HOURS - 2) + [1, 3]
    assert hours.series[1].counts == [1] + [0] * (HOURS - 2) + [2]
    assert hours.totals == [1] + [0] * (HOURS - 3) + [1, 5]
    assert hours.total == 7 == Contact.objects.filter(created_at__gte=begins).count()


def test_names_the_sources_with_most_contacts_in_their_own_order():
    sources = SourceFactory.create_batch(NAMED + 2)
    for source, number in zip(sources, (4, 1, 9, 2, 3, 1, 5), strict=True):
        contact_at(NOW, source, number)

    with translation.override("en"):
        series = read_hours(NOW).series

    assert [one.source_id for one in series] == [sources[place].pk for place in (0, 2, 3, 4, 6)] + [
        None
    ]
    assert series[-1].name == "others"
    assert series[-1].total == 2


@pytest.mark.parametrize(
    ("zone", "now", "labels"),
    [
        # The clocks are set back at 3:00: there is an hour more.
        (
            "Europe/Berlin",
            datetime(2030, 10, 27, 3, 10, tzinfo=UTC),
            [*range(18, 24), 0, 1, 2, 2, 3, 4],
        ),
        # They are put forward at 2:00: 2 to 3 is not there.
        (
            "Europe/Berlin",
            datetime(2030, 3, 31, 3, 10, tzinfo=UTC),
            [*range(17, 24), 0, 1, 3, 4, 5],
        ),
        ("Asia/Kolkata", NOW, [*range(9, 21)]),
    ],
)
def test_hours_are_those_of_the_clock_on_the_wall(settings, zone, now, labels):
    settings.TIME_ZONE = zone
    starts = hours_until(now)
    source = SourceFactory()
    for start in starts:
        contact_at(start, source)
        contact_at(start + timedelta(minutes=59), source)

    hours = read_hours(now)

    assert [int(bar.label) for bar in draw(hours).bars] == labels
    assert hours.totals == [2] * HOURS
    assert starts[-1] - starts[0] == timedelta(hours=HOURS - 1)


def test_half_hour_changes_of_the_clock_lose_nothing(settings):
    settings.TIME_ZONE = "Australia/Lord_Howe"
    source = SourceFactory()
    for now in (datetime(2030, 4, 6, 20, tzinfo=UTC), datetime(2030, 10, 5, 20, tzinfo=UTC)):
        Contact.objects.all().delete()
        starts = hours_until(now)
        moments = [starts[0] + timedelta(minutes=10 * number) for number in range(72)]
        for moment in moments:
            contact_at(moment, source)

        assert starts == sorted(set(starts))
        assert read_hours(now).total == len(moments)


def test_bars_are_as_high_as_their_numbers_and_stand_on_each_other():
    counts = [10] + [0] * (HOURS - 1)
    series = [
        Series("One", 1, counts),
        Series("Two", 2, counts),
        Series("others", None, [5] * HOURS),
    ]
    chart = draw(Hours(hours_until(NOW), series))

    unit = (BASE - TOP) / 30  # the highest line's number
    assert [tick.label for tick in chart.ticks] == ["0", "10", "20", "30"]
    assert [part.kind for part in chart.bars[0].parts] == [1, 2, 0]
    assert [part.kind for part in chart.bars[1].parts] == [0]
    for part, below, number in zip(chart.bars[0].parts, (0, 10, 20), (10, 10, 5), strict=True):
        assert part.y == pytest.approx(BASE - (below + number) * unit, abs=0.1)
        assert part.height == pytest.approx(number * unit - 1, abs=0.1)
    assert all(0 < bar.x < bar.x + bar.width < 100 for bar in chart.bars)


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (1, ["0", "1"]),
        (4, ["0", "1", "2", "3", "4"]),
        (5, ["0", "2", "4", "6"]),
        (48, ["0", "20", "40", "60"]),
        (4_100, ["0", "2k", "4k", "6k"]),
        (1_900, ["0", "500", "1k", "1.5k", "2k"]),
    ],
)
def test_the_scale_has_few_round_numbers(highest, labels):
    with translation.override("en"):
        chart = draw(Hours(hours_until(NOW), [Series("One", 1, [highest] + [0] * (HOURS - 1))]))

    assert [tick.label for tick in chart.ticks] == labels
    assert chart.ticks[-1].y == TOP


def test_the_table_has_the_same_numbers_as_the_drawing():
    with time_machine.travel(NOW, tick=False):
        contact_at(NOW, SourceFactory(name="Demo bot"), 3)
        contact_at(NOW - timedelta(hours=2), SourceFactory(name="Demo form"), 1)
        html = card(text_of(sign_in("viewer"), headers={"Accept-Language": "ru"}), "chart")

    assert "<title>14:00–15:00, Demo bot: 3</title>" in html
    row = html.split('<th scope="row">14:00–15:00</th>')[1].split("</tr>")[0]
    assert re.findall(r">(\d+)<", row) == ["3", "0", "3"]
    assert not re.search(r'="[\d.]+,\d+%?"', html)  # a number in Russian is none for a browser
