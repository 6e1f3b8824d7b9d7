"""Saving a source's set of weights: all of it or nothing, undone, and worked on before."""

import re

import pytest

from distribution.models import AuditEvent
from distribution.services import replace_weights
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Contact
from leads.tests.factories import LeadFactory, WaitingContactFactory
from leads.tests.weight_pages import (
    fields,
    page_of,
    save_url,
    sent_by,
    set_of,
    shown,
    stored,
    text_of,
    typed_in,
    undo,
)

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

HTMX = {"HX-Request": "true"}
BAD_NUMBERS = ["", "-1", "1.5", "10001", "9" * 20, "1e3", "１２", "٣", "five"]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_saves_the_whole_set(supervisor, headers):
    source, (one, other, third) = set_of(1, 2, 3)
    new = OperatorFactory()
    was = stored(source)
    typed = fields({one: 5, other: "2 ", third: "x"}, was, remove=third, add=new.pk)

    response = supervisor.post(save_url(source), typed | {"add-weight": "9"}, headers=headers)

    assert response.status_code == 302
    assert response.url == page_of(source)
    assert stored(source) == {one: 5, other: 2, new.pk: 9}
    event = AuditEvent.objects.get()
    assert event.actor == f"user:{supervisor.user.pk}"
    assert event.after == {str(one): 5, str(new.pk): 9}
    page = supervisor.get(page_of(source))
    assert "were saved" in text_of(page)
    assert supervisor.user.get_username() in text_of(page)


def test_undo_brings_the_set_back_and_forth(supervisor):
    source, (one, other) = set_of(1, 2)
    new = OperatorFactory()
    was, now = stored(source), {one: 7, new.pk: 3}
    supervisor.post(save_url(source), fields(now, was))

    undo(supervisor, page_of(source))
    assert stored(source) == {one: 1, other: 2}
    undo(supervisor, page_of(source))
    assert stored(source) == now


def test_undo_is_refused_where_others_have_saved_since(supervisor):
    source, (one, other) = set_of(1, 2)
    supervisor.post(save_url(source), fields({one: 7}, stored(source)))
    replace_weights(source.pk, {one: 8}, actor="user:0")

    response = supervisor.post(save_url(source), fields({one: 1, other: 2}, {one: 7}))

    assert response.status_code == 409
    assert stored(source) == {one: 8}


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_one_wrong_number_changes_nothing_and_is_kept(supervisor, bad):
    source, (one, other) = set_of(1, 2)

    page = supervisor.post(save_url(source), fields({one: 9, other: bad}, stored(source)))

    assert page.status_code == 422
    assert stored(source) == {one: 1, other: 2}
    assert (typed_in(page, one), typed_in(page, other)) == ("9", bad)
    assert re.search(rf'<input[^>]*id="weight-{other}"[^>]*aria-invalid="true"', text_of(page))
    assert not re.search(rf'<input[^>]*id="weight-{one}"[^>]*aria-invalid', text_of(page))
    assert "1 weight is not a whole number" in text_of(page)


def test_set_without_somebody_stays_without_them_when_it_is_shown_again(supervisor):
    """As an undo sends it, which has no box to tick."""
    source, (one, _other) = set_of(1, 2)

    page = supervisor.post(save_url(source), fields({one: "x"}, stored(source)))
    assert page.status_code == 422
    again = sent_by(page) | {f"weight-{one}": "9"}

    assert supervisor.post(save_url(source), again).status_code == 302
    assert stored(source) == {one: 9}


def test_fields_that_are_none_of_ours_are_left_out(supervisor):
    source, (one,) = set_of(1)
    odd = {
        "weight-": 3,
        "weight-x": 3,
        f"weight-{10**30}": 3,
        "was-0": 1,
        "remove": "\0",
        "add": "x",
    }

    response = supervisor.post(save_url(source), fields({one: 4}, {one: 1}) | odd)

    assert response.status_code == 302
    assert stored(source) == {one: 4}


def test_nothing_typed_is_nothing_saved(supervisor):
    source, (one,) = set_of(1)
    supervisor.post(save_url(source), fields({one: "01"}, {one: 1}))
    assert not AuditEvent.objects.exists()
    assert "Nothing was changed." in text_of(supervisor.get(page_of(source)))


def test_a_raised_weight_gives_out_what_waits(supervisor):
    source, (one,) = set_of(0)
    contacts = [WaitingContactFactory(source=source, lead=LeadFactory()) for _ in range(3)]

    supervisor.post(save_url(source), fields({one: 1}, {one: 0}))

    got = Contact.objects.filter(operator=one).values_list("pk", flat=True)
    assert set(got) == {contact.pk for contact in contacts}


def test_even_out_is_not_saved_yet(supervisor):
    source, (one, other, left_out) = set_of(1, 4, 0)
    typed = fields({one: 10, other: 4, left_out: 0}, stored(source), action="even")

    page = supervisor.post(save_url(source), typed)

    assert page.status_code == 200
    assert [typed_in(page, pk) for pk in (one, other, left_out)] == ["7", "7", "0"]
    assert "not saved yet" in text_of(page)
    assert f'name="was-{one}" value="1"' in text_of(page)
    assert stored(source) == {one: 1, other: 4, left_out: 0}


def test_copy_takes_the_other_set_and_is_not_saved_yet(supervisor):
    source, (both, ours) = set_of(1, 2)
    other, (theirs,) = set_of(8)
    WeightFactory(source=other, operator_id=both, weight=6)
    before = stored(source)
    typed = fields(before, before, action="copy") | {"copy-from": other.pk}

    page = supervisor.post(save_url(source), typed)

    assert [typed_in(page, pk) for pk in (both, theirs)] == ["6", "8"]
    assert shown(page, "configured", ours) == "0.0 %"
    assert stored(source) == before
    assert re.search(rf'id="remove-{ours}"[^>]* checked', text_of(page))


def test_added_operator_comes_last_and_is_not_saved_yet(supervisor):
    new = OperatorFactory()
    source, (one,) = set_of(3)
    typed = fields({one: 3}, {one: 3}, action="add", add=new.pk) | {"add-weight": "1"}

    page = supervisor.post(save_url(source), typed)

    assert typed_in(page, new.pk) == "1"
    assert shown(page, "configured", new.pk) == "25.0 %"
    ids = re.findall(r'data-operator="(\d+)"', text_of(page))
    assert ids == [str(one), str(new.pk)]
    assert stored(source) == {one: 3}


@pytest.mark.parametrize(
    ("action", "error"),
    [("add", "Choose an operator."), ("copy", "Choose a source.")],
)
def test_nothing_chosen_is_told_beside_the_list(supervisor, action, error):
    set_of(1)  # another operator, and another source
    source, (one,) = set_of(3)
    page = supervisor.post(save_url(source), fields({one: 8}, {one: 3}, action=action))
    assert page.status_code == 422
    assert error in text_of(page)
    assert typed_in(page, one) == "8"


@pytest.mark.slow
@pytest.mark.thorough
def test_a_thousand_operators_are_one_form(supervisor):
    source = SourceFactory()
    operators = OperatorFactory.create_batch(1_000)
    replace_weights(source.pk, {one.pk: 1 for one in operators}, actor="test")
    page = supervisor.get(page_of(source))
    data = sent_by(page) | {f"weight-{operators[0].pk}": "500", "remove": [operators[1].pk]}

    assert supervisor.post(save_url(source), data).status_code == 302
    assert stored(source)[operators[0].pk] == 500
    assert len(stored(source)) == 999

    extra = fields({one.pk: 1 for one in OperatorFactory.create_batch(2)}, {})
    page = supervisor.post(save_url(source), sent_by(supervisor.get(page_of(source))) | extra)
    assert page.status_code == 422
    assert "1,000 operators at most" in text_of(page)
