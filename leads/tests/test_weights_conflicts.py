"""Two who change one source's set of weights: the later one sees both versions, and decides."""

import re

import pytest

from distribution.models import Operator, OperatorSourceWeight
from distribution.services import replace_weights, update_weight
from distribution.tests.factories import OperatorFactory
from leads.tests.weight_pages import fields, save_url, sent_by, set_of, stored, text_of, typed_in
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]


def test_stale_set_is_refused_and_both_are_shown(supervisor):
    source, (one, other, third) = set_of(1, 2, 3)
    opened = stored(source)
    colleague = sign_in("supervisor", username="demo-colleague")
    colleague.post(save_url(source), fields({one: 50, other: 2}, opened))

    page = supervisor.post(save_url(source), fields({one: 7, other: 9, third: 3}, opened))

    assert page.status_code == 409
    assert stored(source) == {one: 50, other: 2}
    text = text_of(page)
    assert re.search(r"demo-colleague saved <time[^>]*>\d+ s</time> ago, while you were at", text)
    table = text[text.index("Operators whose weights differ") : text.index("Take theirs")]
    cells = re.findall(r"<td class=\"num\"[^>]*>(.*?)</td>", table)
    numbers = [re.sub(r"<[^>]*>|\s", "", cell) for cell in cells]
    assert numbers == ["1", "50", "7", "2", "2", "9", "3", "–", "3"]
    assert table.count("both changed") == 1
    assert [typed_in(page, pk) for pk in (one, other, third)] == ["7", "9", "3"]


def test_saving_mine_over_theirs_takes_what_the_page_offers(supervisor):
    source, (one, other) = set_of(1, 2)
    opened, theirs, mine = stored(source), OperatorFactory(), OperatorFactory()
    replace_weights(source.pk, {one: 50, theirs.pk: 5}, actor="user:0")
    page = supervisor.post(save_url(source), fields({one: 7, other: 2, mine.pk: 3}, opened))
    assert page.status_code == 409
    named = re.findall(r'<th scope="row"> <span class="name">([^<]*)<', text_of(page))
    assert named[-2:] == [theirs.name, mine.name]

    response = supervisor.post(save_url(source), sent_by(page))

    assert response.status_code == 302
    assert stored(source) == {one: 7, other: 2, mine.pk: 3}


def test_operator_deleted_meanwhile_is_left_out_of_mine(supervisor):
    source, (one, gone) = set_of(1, 2)
    opened = stored(source)
    OperatorSourceWeight.objects.filter(operator=gone).delete()
    Operator.objects.filter(pk=gone).delete()

    page = supervisor.post(save_url(source), fields({one: 7, gone: 2}, opened))

    assert page.status_code == 409
    assert "deleted meanwhile" in text_of(page)
    assert supervisor.post(save_url(source), sent_by(page)).status_code == 302
    assert stored(source) == {one: 7}


def test_the_same_set_twice_is_no_conflict(supervisor):
    source, (one,) = set_of(1)
    update_weight(OperatorSourceWeight.objects.get().pk, weight=7, actor="user:0")
    assert supervisor.post(save_url(source), fields({one: 7}, {one: 1})).status_code == 302
    assert stored(source) == {one: 7}
