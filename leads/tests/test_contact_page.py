"""The page of one contact: what was asked, what happened, why it went where it went."""

import pytest
from django.test import Client

from distribution.services import update_operator
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.models import Assignment, Contact
from leads.services import (
    ContactRequest,
    close_contact,
    reassign_contact,
    register_contact,
    requeue_contact,
)
from leads.tests.contact_pages import queries_of, text_of, url_of
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    WaitingContactFactory,
)
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]


def received(source, **facts):
    request = ContactRequest(source_id=source.pk, external_id="Demo-1", **facts)
    return Contact.objects.get(pk=register_contact(request, actor="import").receipt["id"])


def test_explains_the_draw_in_a_sentence_and_a_table(viewer):
    weight = WeightFactory(operator__name="Demo A", weight=20)
    WeightFactory(source=weight.source, operator__name="Demo B", operator__max_load=0, weight=9)
    WeightFactory(source=weight.source, operator__name="Demo C", operator__is_active=False)
    contact = received(weight.source)
    decision = contact.assignments.get().decision
    assert decision["operator_id"] == weight.operator.pk
    # As if another one had been available.
    other = OperatorFactory(name="Demo D")
    decision |= {"available_count": 2, "total_weight": 65}
    decision["candidates"].append({"operator_id": other.pk, "weight": 45, "load": 3, "limit": 7})
    Assignment.objects.update(decision=decision)

    text = text_of(viewer.get(url_of(contact)))

    assert (
        "Drawn by chance from 2 operators who were available: Demo A had 31 % (weight 20 of 65)."
    ) in text
    assert "Demo A chosen 20 0 / 10 31 %" in text
    assert "Demo D 45 3 / 7 69 %" in text
    assert "Demo B 9 0 / 0 at the limit" in text
    assert "Demo C 1 0 / 10 off" in text


def test_counts_those_whom_the_record_does_not_list(viewer):
    contact = AssignedContactFactory()
    listed = [{"operator_id": contact.operator.pk, "weight": 1, "load": 0, "limit": 9}]
    decision = {
        "method": "weighted_random",
        "operator_id": contact.operator.pk,
        "available_count": 12,
        "total_weight": 300,
        "candidates": listed,
        "left_out_count": {"inactive": 4, "at_limit": 3},
        "left_out": [],
    }
    Assignment.objects.update(decision=decision)

    text = text_of(viewer.get(url_of(contact)))

    assert "and 11 more who could have had it" in text
    assert "and 7 more left out" in text
    assert "<1 % (weight 1 of 300)" in text


def test_tells_a_contacts_life_with_who_and_why(viewer):
    weight = WeightFactory(operator__name="Demo A", operator__max_load=1)
    other = OperatorFactory(name="Demo B", max_load=0)
    user = f"user:{viewer.user.pk}"
    contact = received(weight.source)
    update_operator(weight.operator.pk, actor=user, max_load=0)
    reassign_contact(
        contact.pk, operator_id=other.pk, actor=user, over_limit=True, reason="Asked <for>"
    )
    requeue_contact(contact.pk, actor=user, reason="Mistake")
    update_operator(weight.operator.pk, actor="assign_waiting", max_load=1)
    close_contact(contact.pk, actor=user, reason="Done")

    page = viewer.get(url_of(contact))

    text = text_of(page)
    story = [
        "Received",
        "Given to Demo A",
        "Demo A was the only one available.",
        "Handed over from Demo A to Demo B",
        "Demo B was chosen by hand. Over the limit: had 0 of 0. Reason: Asked <for>",
        "Taken from Demo B and put back into the queue",
        "Reason: Mistake",
        "A place came free: Demo A was switched on or given a higher limit.",
        "Closed",
        "Reason: Done",
    ]
    places = [text.index(part, text.index("Timeline")) for part in story]
    assert places == sorted(places)
    assert viewer.user.username in text
    html = page.content.decode()
    assert "Asked &lt;for&gt;" in html
    tables = html.split("<details")
    assert [" open>" in table.split("</summary>")[0] for table in tables[1:]] == [False, True]


def test_shows_all_that_was_sent_and_nothing_of_it_as_markup(viewer):
    source = WeightFactory().source
    contact = received(source, name="<i>", message="<b>\nx", payload={"<k>": ["<v>", "ё", None]})

    html = viewer.get(url_of(contact)).content.decode()

    assert "&lt;b&gt;<br>x" in html
    assert "{\n  &quot;&lt;k&gt;&quot;: [\n    &quot;&lt;v&gt;&quot;,\n    &quot;ё&quot;," in html
    assert "<i>" not in html
    assert "Demo-1" in html


@pytest.mark.parametrize("decision", [{}, [], {"candidates": ["odd"], "left_out_count": 1}])
def test_an_odd_record_breaks_nothing(viewer, decision):
    contact = AssignedContactFactory(supplied=[], payload=[1])
    Assignment.objects.update(decision=decision)

    assert str(contact.operator) in text_of(viewer.get(url_of(contact)))


def test_a_contact_from_before_its_periods_were_kept_is_shown(viewer):
    contact = ClosedContactFactory()
    Assignment.objects.all().delete()

    assert "Received" in text_of(viewer.get(url_of(contact)))


@pytest.mark.parametrize(
    ("factory", "offered"),
    [
        (WaitingContactFactory, {"close", "reassign"}),
        (AssignedContactFactory, {"close", "reassign", "requeue"}),
        (ClosedContactFactory, {"reopen"}),
    ],
)
def test_offers_the_moves_that_are_possible_to_who_may_make_them(
    viewer, supervisor, factory, offered
):
    contact = factory()

    def moves(client):
        html = client.get(url_of(contact)).content.decode()
        names = ("close", "reassign", "requeue", "reopen")
        return {name for name in names if url_of(contact, f"{name}_contact") in html}

    assert moves(supervisor) == offered
    assert moves(viewer) == set()


def test_is_for_those_who_may_look_and_only_to_look(viewer):
    contact = WaitingContactFactory()

    assert viewer.get(url_of(contact)).status_code == 200
    assert sign_in().get(url_of(contact)).status_code == 403
    assert "/accounts/login/" in Client().get(url_of(contact)).url
    assert viewer.post(url_of(contact)).status_code == 405
    for number in (987, 10**25):
        assert viewer.get(url_of(Contact(pk=number))).status_code == 404


def test_needs_the_same_queries_for_any_number_of_periods(supervisor):
    weight = WeightFactory()
    contact = received(weight.source)
    requeue_contact(contact.pk, actor=f"user:{supervisor.user.pk}")
    few = queries_of(supervisor, url_of(contact))
    for _ in range(10):
        requeue_contact(contact.pk, actor=f"user:{supervisor.user.pk}")
    assert contact.assignments.count() > 20

    assert queries_of(supervisor, url_of(contact)) == few
    assert few <= 10
