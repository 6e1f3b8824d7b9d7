"""Moving one contact in the pages: ask, do, undo, and what goes wrong."""

import pytest
from django.test import Client

from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.models import Contact
from leads.services import close_contact
from leads.tests.checks import assert_promises_kept
from leads.tests.contact_pages import LIST, post_move, state, text_of, undo_of, url_of
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    WaitingContactFactory,
)
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

MOVES = ["close", "reassign", "requeue", "reopen"]


def test_closes_with_a_reason_and_says_who_got_the_place(supervisor):
    contact = AssignedContactFactory(operator__max_load=1)
    WeightFactory(operator=contact.operator)
    waiting = WaitingContactFactory(source=contact.operator.weights.get().source)

    page = post_move(supervisor, contact, "close", reason=" Answered  ")

    assert page.redirect_chain == [(LIST, 302)]
    assert f"Contact #{contact.pk} is closed." in text_of(page)
    assert "1 waiting contact got a place that became free." in text_of(page)
    assert state(contact)[0] == "closed"
    assert state(waiting) == ("assigned", contact.operator)
    period = contact.assignments.get()
    assert (period.end_reason, period.ended_by) == ("Answered", f"user:{supervisor.user.pk}")


@pytest.mark.parametrize(
    ("move", "status"), [("close", "closed"), ("requeue", "waiting"), ("reassign", "assigned")]
)
def test_a_move_can_be_undone_from_where_it_was_made(supervisor, move, status):
    weight = WeightFactory() if move == "close" else WeightFactory(weight=0)
    contact = AssignedContactFactory(operator=weight.operator, source=weight.source)
    said = {"operator_id": OperatorFactory().pk} if move == "reassign" else {}

    page = post_move(supervisor, contact, move, **said)
    assert state(contact)[0] == status
    url, fields = undo_of(page)
    page = supervisor.post(url, fields, follow=True)

    assert page.redirect_chain == [(LIST, 302)]
    assert state(contact) == ("assigned", weight.operator)
    assert_promises_kept()


def test_giving_a_waiting_contact_is_undone_by_putting_it_back(supervisor):
    contact = WaitingContactFactory()

    page = post_move(supervisor, contact, "reassign", operator_id=OperatorFactory().pk)
    assert state(contact)[0] == "assigned"
    supervisor.post(*undo_of(page))

    assert state(contact) == ("waiting", None)


def test_there_is_no_way_back_to_an_operator_who_is_off(supervisor):
    contact = AssignedContactFactory(operator__is_active=False)

    page = post_move(supervisor, contact, "requeue")

    assert state(contact) == ("waiting", None)
    assert undo_of(page) is None


def test_reopens_and_says_where_it_went(supervisor):
    with_operator = ClosedContactFactory(operator=OperatorFactory(name="Demo A"))
    WeightFactory(operator=with_operator.operator, source=with_operator.source)
    without = ClosedContactFactory()

    assert "is open again, with Demo A." in text_of(post_move(supervisor, with_operator, "reopen"))
    assert "is open again and waits." in text_of(post_move(supervisor, without, "reopen"))


@pytest.mark.parametrize(
    ("move", "factory", "words"),
    [
        ("close", AssignedContactFactory, "Close contact"),
        ("requeue", AssignedContactFactory, "back into the queue?"),
        ("reopen", ClosedContactFactory, "Reopen contact"),
        ("reassign", AssignedContactFactory, "Who gets contact"),
    ],
)
def test_asking_changes_nothing(supervisor, move, factory, words):
    contact = factory()
    before = state(contact)

    page = supervisor.get(url_of(contact, f"{move}_contact"))

    assert words in text_of(page)
    assert f'name="version" value="{contact.version}"' in page.content.decode()
    assert state(contact) == before


def test_lists_operators_who_are_available_first_with_their_chance(supervisor):
    contact = WaitingContactFactory()
    makes = {
        "Full": {"weight": 5, "operator__max_load": 0},
        "Small": {"weight": 1},
        "Big": {"weight": 3},
        "Off": {"weight": 9, "operator__is_active": False},
    }
    for name, facts in makes.items():
        WeightFactory(source=contact.source, operator__name=f"Demo {name}", **facts)
    OperatorFactory(name="Demo Other")

    page = supervisor.get(url_of(contact, "reassign_contact"))

    text = text_of(page)
    rows = [
        "Demo Big 0 / 10 75 %",
        "Demo Small 0 / 10 25 %",
        "Demo Other 0 / 10 no weight",
        "Demo Full 0 / 0 at the limit",
    ]
    assert " ".join(rows) in text
    assert "Demo Off" not in text


def test_goes_over_the_limit_only_when_told_so_with_a_reason(supervisor):
    contact = WaitingContactFactory()
    full = OperatorFactory(name="Demo full", max_load=0)

    page = post_move(supervisor, contact, "reassign", operator_id=full.pk, reason="Asked <for>")
    assert page.status_code == 409
    assert "This operator is at the limit." in text_of(page)
    assert f'value="{full.pk}" required checked' in " ".join(page.content.decode().split())
    assert 'value="Asked &lt;for&gt;"' in page.content.decode()
    assert f'name="next" value="{LIST}"' in page.content.decode()

    page = post_move(supervisor, contact, "reassign", operator_id=full.pk, over_limit="on")
    assert page.status_code == 422
    assert "Say why it goes over the limit." in text_of(page)
    assert state(contact) == ("waiting", None)

    said = {"operator_id": full.pk, "over_limit": "on", "reason": "Asked for"}
    assert post_move(supervisor, contact, "reassign", **said).status_code == 200
    assert state(contact) == ("assigned", full)
    full.refresh_from_db()
    assert full.current_load == 1


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "Choose an operator."),
        ({"operator_id": "odd"}, "Enter a whole number."),
        ({"operator_id": "9" * 30}, "less than or equal to"),
        ({"operator_id": 1, "version": ""}, ""),
        ({"operator_id": 1, "reason": "x" * 501}, "at most 500 characters"),
        ({"operator_id": 1, "reason": "a\u202eb"}, "Remove the bidirectional control"),
    ],
)
def test_what_cannot_be_understood_is_asked_again(supervisor, said, words):
    contact = WaitingContactFactory()

    page = post_move(supervisor, contact, "reassign", **said)

    assert page.status_code == 422
    assert words in text_of(page)
    assert state(contact) == ("waiting", None)


def test_an_operator_deleted_meanwhile_is_asked_for_again(supervisor):
    page = post_move(supervisor, WaitingContactFactory(), "reassign", operator_id=987)

    assert page.status_code == 422
    assert "This operator was deleted meanwhile." in text_of(page)


@pytest.mark.parametrize("htmx", [True, False])
def test_a_stale_move_shows_what_it_is_now_and_can_be_made_all_the_same(supervisor, htmx):
    contact = AssignedContactFactory(operator__name="Demo then")
    url, stale = url_of(contact, "close_contact"), contact.version
    now = OperatorFactory(name="Demo now")
    post_move(supervisor, contact, "reassign", operator_id=now.pk)
    headers = {"HX-Request": "true"} if htmx else {}

    page = supervisor.post(url, {"version": stale, "reason": "Demo", "next": LIST}, headers=headers)

    assert page.status_code == 409
    assert ("<html" in page.content.decode()) != htmx
    assert "It has changed meanwhile: now assigned, Demo now." in text_of(page)
    assert "Do it anyway" in text_of(page)
    assert 'name="reason" value="Demo"' in page.content.decode()
    assert state(contact) == ("assigned", now)

    fields = {"version": page.context["form"]["version"].value(), "next": LIST}
    assert supervisor.post(url, fields, headers=headers).url == LIST
    assert state(contact) == ("closed", now)


def test_a_move_that_is_not_possible_any_more_is_not_offered_again(supervisor):
    contact = AssignedContactFactory()
    close_contact(contact.pk, actor="test")

    page = post_move(supervisor, contact, "requeue")

    assert page.status_code == 409
    assert "It is closed; reopen it first." in text_of(page)
    assert "this cannot be done with it" in text_of(page)
    assert "Do it anyway" not in text_of(page)


def test_what_is_so_already_is_said_and_not_undone(supervisor):
    page = post_move(supervisor, ClosedContactFactory(), "close")

    assert "was so already; nothing was done." in text_of(page)
    assert undo_of(page) is None


def test_leads_back_to_pages_of_ours_alone(supervisor):
    contact = AssignedContactFactory()

    for elsewhere in ("https://example.com/", "//example.com/", ""):
        data = {"version": contact.version, "next": elsewhere}
        response = supervisor.post(url_of(contact, "close_contact"), data)
        assert response.url == url_of(contact)


@pytest.mark.parametrize("move", MOVES)
def test_only_who_may_change_contacts_moves_them(viewer, move):
    contact = AssignedContactFactory()
    url = url_of(contact, f"{move}_contact")
    said = {"version": contact.version, "operator_id": OperatorFactory().pk}

    assert viewer.get(url).status_code == viewer.post(url, said).status_code == 403
    assert sign_in().post(url, said).status_code == 403
    assert "/accounts/login/" in Client().post(url, said).url
    assert state(contact)[0] == "assigned"


@pytest.mark.parametrize("move", MOVES)
def test_a_contact_that_is_not_there_cannot_be_moved(supervisor, move):
    for number in (987, 10**25):
        url = url_of(Contact(pk=number), f"{move}_contact")
        assert supervisor.get(url).status_code == 404
        assert supervisor.post(url, {"version": 1, "operator_id": 1}).status_code == 404
    assert supervisor.put(url).status_code == 405


def test_asking_whom_to_give_it_to_needs_the_same_queries_for_any_number(
    supervisor, django_assert_max_num_queries
):
    contact = AssignedContactFactory()
    Operator.objects.bulk_create(Operator(name=f"Demo {n}") for n in range(100))

    with django_assert_max_num_queries(8):
        page = supervisor.get(url_of(contact, "reassign_contact"))

    assert page.content.decode().count('type="radio"') == 100
    assert "70 more operators" in text_of(page)
