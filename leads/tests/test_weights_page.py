"""The page of a source: its operators with their weights and shares, for each role."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, SourceFactory
from leads.models import Assignment
from leads.tests.factories import AssignedContactFactory, LeadFactory
from leads.tests.weight_pages import fields, page_of, save_url, set_of, shown, stored, text_of
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]


def test_shows_the_shares_configured_now_and_in_fact(supervisor):
    source, (one, other, full, off) = set_of(30, 20, 50, 100)
    for pk, facts in {full: {"max_load": 0}, off: {"is_active": False}}.items():
        Operator.objects.filter(pk=pk).update(**facts)
    for pk, count in {one: 3, other: 1}.items():
        for _ in range(count):
            AssignedContactFactory(
                source=source,
                operator=Operator.objects.get(pk=pk),
                lead=LeadFactory(),
            )

    page = supervisor.get(page_of(source))

    configured = [shown(page, "configured", pk) for pk in (one, other, full, off)]
    assert configured == ["15.0 %", "10.0 %", "25.0 %", "50.0 %"]
    assert [shown(page, "now", pk) for pk in (one, other, full, off)] == [
        "60.0 %",
        "40.0 %",
        "0.0 %",
        "0.0 %",
    ]
    assert "last 4" in text_of(page)
    assert text_of(page).count("75.0 %") == text_of(page).count("25.0 %") - 1 == 1
    assert "at limit" in text_of(page)


def test_share_in_fact_counts_draws_and_nothing_else(supervisor):
    source, (drawn, by_hand) = set_of(1, 1)
    gone = OperatorFactory()
    by_operator = {row.operator_id: row.operator for row in source.weights.all()}
    lead = LeadFactory()
    for operator in (by_operator[drawn], by_operator[by_hand], gone):
        AssignedContactFactory(source=source, operator=operator, lead=lead)
    Assignment.objects.filter(operator=by_hand).update(method="manual")
    AssignedContactFactory(lead=lead, operator=by_operator[by_hand])  # another source's

    page = text_of(supervisor.get(page_of(source)))

    assert "last 2" in page
    assert re.search(r"not in the set any more</th> <td[^>]*>50\.0 %<", page)


def test_viewer_sees_numbers_and_no_inputs(viewer):
    source, (operator,) = set_of(7)

    page = viewer.get(page_of(source))

    assert shown(page, "configured", operator) == "100.0 %"
    assert f"weight-{operator}" not in text_of(page)
    assert "weights-form" not in text_of(page)
    assert "curl" in text_of(page)
    assert viewer.post(save_url(source), fields({operator: 9}, {operator: 7})).status_code == 403
    assert stored(source) == {operator: 7}


@pytest.mark.parametrize(("role", "sees"), [("supervisor", False), ("administrator", True)])
def test_keys_are_for_administrators(role, sees):
    source, _operators = set_of(1)

    page = text_of(sign_in(role).get(page_of(source)))

    assert (reverse("distribution:create_key") in page) == sees
    assert "curl" in page


def test_sends_visitors_to_the_sign_in_page(client):
    source, (operator,) = set_of(7)
    for response in (client.get(page_of(source)), client.post(save_url(source))):
        assert response.status_code == 302
        assert response.url.startswith(reverse("login"))
    assert stored(source) == {operator: 7}


@pytest.mark.parametrize("pk", [10**9, 10**30])
def test_a_source_that_is_not_there_is_not_found(supervisor, pk):
    for name, method in (("source", supervisor.get), ("set_weights", supervisor.post)):
        assert method(reverse(f"leads:{name}", args=[pk])).status_code == 404


def test_saving_is_a_post(supervisor):
    source, _operators = set_of(1)
    assert supervisor.get(save_url(source)).status_code == 405
    assert supervisor.post(page_of(source)).status_code == 405


def test_source_without_operators_says_what_to_do(supervisor):
    source, someone = SourceFactory(), OperatorFactory()

    page = text_of(supervisor.get(page_of(source)))

    assert "No operator gets contacts of this source yet." in page
    assert f'<option value="{someone.pk}">' in page


def test_source_that_is_off_gives_to_nobody(supervisor):
    source, (operator,) = set_of(7)
    source.is_active = False
    source.save()

    page = supervisor.get(page_of(source))

    assert "This source is off" in text_of(page)
    assert shown(page, "configured", operator) == "100.0 %"
    assert shown(page, "now", operator) == "0.0 %"


def test_weights_that_come_to_nothing_are_not_called_nothing(supervisor):
    source, (small, _large) = set_of(1, 10_000)
    assert shown(supervisor.get(page_of(source)), "configured", small) == "< 0.1 %"


def queries_for(client, source):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(page_of(source)).status_code == 200
    return len(captured)


def test_makes_as_many_queries_for_sixty_operators_as_for_seven(administrator):
    few, _ = set_of(*range(7))
    many, _ = set_of(*range(60))
    lead = LeadFactory()
    for source in (few, many):
        for row in source.weights.select_related("operator"):
            AssignedContactFactory(source=source, operator=row.operator, lead=lead)
    queries_for(administrator, few)  # what is read once per process

    numbers = queries_for(administrator, few), queries_for(administrator, many)

    assert numbers[0] == numbers[1] < 30
