"""Switching operators on and off, and what is done to several of them."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from distribution.models import AuditEvent, Operator
from distribution.tests.factories import OperatorFactory, SourceFactory
from leads.models import Contact
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import WaitingContactFactory
from leads.tests.operator_pages import (
    HTMX,
    LIST,
    busy,
    filled_in,
    names_in,
    state_of,
    text_of,
    url_of,
)
from leads.views import operators_bulk
from leads.views.operators import PAGE_SIZE
from minicrm.tests.pages import said
from minicrm.tests.people import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

BULK = reverse("leads:change_operators")


@pytest.fixture
def source(db):
    return SourceFactory()


def switch(client, operator, on, **fields):
    headers = fields.pop("headers", {})
    data = {"is_active": on, **fields}
    return client.post(url_of(operator, "switch_operator"), data, headers=headers)


# One


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_switches_on_and_hands_out_what_waits(supervisor, source, headers):
    operator = busy(source, places=2, operator__is_active=False)
    WaitingContactFactory.create_batch(3, source=source)

    response = switch(supervisor, operator, "1", next=f"{LIST}?state=off", headers=headers)

    assert state_of(operator) == (True, 2)
    assert response.url == f"{LIST}?state=off"
    assert said(response) == [f"{operator} is on."]
    assert_promises_kept()


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_switches_off_at_once_where_nothing_is_open(supervisor, source, headers):
    operator = busy(source)

    response = switch(supervisor, operator, "0", headers=headers)

    assert state_of(operator) == (False, 0)
    assert response.url == LIST
    assert said(response) == [f"{operator} is off."]
    assert AuditEvent.objects.get().actor == f"user:{supervisor.user.pk}"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_asks_first_where_contacts_are_open(supervisor, source, headers):
    operator = busy(source, contacts=3)

    asked = switch(supervisor, operator, "0", next=f"{LIST}?state=on", headers=headers)

    assert asked.status_code == 422
    assert state_of(operator) == (True, 3)
    assert "There are 3 open contacts." in text_of(asked)
    form = filled_in(asked, url_of(operator, "switch_operator"))
    assert (form["is_active"], form["open_contacts"]) == ("0", "redistribute")
    assert form["next"] == f"{LIST}?state=on"


def test_the_question_has_a_page_of_its_own(supervisor, source):
    operator = busy(source, contacts=1)

    page = supervisor.get(url_of(operator, "switch_operator"))

    assert "There is 1 open contact." in text_of(page)
    for choice in ("redistribute", "requeue", "keep"):
        assert f'value="{choice}"' in page.content.decode()
    assert state_of(operator) == (True, 1)


def test_redistributing_moves_the_contacts_to_others(supervisor, source):
    operator = busy(source, contacts=3)
    other = busy(source, places=2)

    response = switch(supervisor, operator, "0", open_contacts="redistribute")

    assert (state_of(operator), state_of(other)) == ((False, 1), (True, 2))
    assert Contact.objects.filter(operator=other).count() == 2
    assert said(response) == [
        f"{operator} is off. 2 open contacts went to others. 1 open contact stayed."
    ]
    assert_promises_kept()


def test_requeueing_takes_all_contacts_away(supervisor, source):
    operator = busy(source, contacts=3)
    other = busy(source, places=2)

    response = switch(supervisor, operator, "0", open_contacts="requeue")

    assert (state_of(operator), state_of(other)) == ((False, 0), (True, 2))
    assert Contact.objects.waiting().count() == 1
    assert said(response) == [f"{operator} is off. 3 open contacts went back into the queue."]
    assert_promises_kept()


def test_keeping_leaves_them(supervisor, source):
    operator, _other = busy(source, contacts=2), busy(source)

    response = switch(supervisor, operator, "0", open_contacts="keep")

    assert state_of(operator) == (False, 2)
    assert said(response) == [f"{operator} is off. 2 open contacts stayed."]


def test_who_is_off_can_still_give_open_contacts_away(supervisor, source):
    operator = busy(source, contacts=2, operator__is_active=False)
    other = busy(source)
    page = supervisor.get(url_of(operator, "switch_operator"))

    assert 'value="keep"' not in page.content.decode()
    form = filled_in(page, url_of(operator, "switch_operator"))
    supervisor.post(url_of(operator, "switch_operator"), form)

    assert (state_of(operator), state_of(other)) == ((False, 0), (True, 2))


def test_who_is_off_without_contacts_can_be_switched_on_from_the_page(supervisor):
    operator = OperatorFactory(is_active=False)
    address = url_of(operator, "switch_operator")

    supervisor.post(address, filled_in(supervisor.get(address), address))

    assert state_of(operator) == (True, 0)


@pytest.mark.parametrize("on", ["1", "0"])
def test_a_switch_can_be_undone(supervisor, source, on):
    operator = busy(source, operator__is_active=on == "0")
    page = supervisor.get(switch(supervisor, operator, on, next=LIST).url).content.decode()

    toast = page[page.index("data-toast") :]
    assert f'action="{url_of(operator, "switch_operator")}"' in toast
    assert f'name="is_active" value="{1 - int(on)}"' in toast


def test_nothing_is_offered_to_undo_where_nothing_was_done(supervisor):
    operator = OperatorFactory()

    page = supervisor.get(switch(supervisor, operator, "1", next=LIST).url).content.decode()

    assert f"{operator} is on." in page
    assert "Undo" not in page


def test_shows_the_question_again_for_what_is_no_answer(supervisor, source):
    operator = busy(source, contacts=1)

    for data in ({}, {"is_active": "maybe"}, {"is_active": "0", "open_contacts": "burn"}):
        response = supervisor.post(url_of(operator, "switch_operator"), data)

        assert response.status_code == 422
        assert 'role="alert"' in response.content.decode()
    assert state_of(operator) == (True, 1)


def test_viewers_and_visitors_switch_nobody(viewer, client, source):
    operator = busy(source)
    address = url_of(operator, "switch_operator")

    assert viewer.get(address).status_code == 403
    assert switch(viewer, operator, "0").status_code == 403
    assert switch(client, operator, "0").url == f"{reverse('login')}?next={address}"
    assert viewer.put(address)["Allow"] == "GET, HEAD, POST"
    assert state_of(operator) == (True, 0)


def test_moving_contacts_takes_the_right_to_change_contacts(client, source):
    user = make_user()
    user.user_permissions.add(Permission.objects.get(codename="change_operator"))
    client.force_login(user)
    operator, _other = busy(source, contacts=1), busy(source)

    assert switch(client, operator, "0", open_contacts="requeue").status_code == 403
    bulk = {"pk": [operator.pk], "action": "off_redistribute"}
    assert client.post(BULK, bulk).status_code == 403
    assert state_of(operator) == (True, 1)
    switch(client, operator, "0", open_contacts="keep")
    assert state_of(operator) == (False, 1)


def test_nobody_can_be_switched_who_is_not_there(supervisor):
    for number in (1, 2**63, 10**30):
        address = reverse("leads:switch_operator", args=[number])
        assert supervisor.get(address).status_code == 404
        assert supervisor.post(address, {"is_active": "1"}).status_code == 404


# Several


def bulk(client, action, *operators, **fields):
    headers = fields.pop("headers", {})
    data = {"action": action, "pk": [operator.pk for operator in operators], **fields}
    return client.post(BULK, data, headers=headers)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_switches_several_on(supervisor, headers):
    chosen = OperatorFactory.create_batch(2, is_active=False)
    other = OperatorFactory(is_active=False)

    response = bulk(supervisor, "on", *chosen, next=f"{LIST}?page=2", headers=headers)

    assert [state_of(one)[0] for one in (*chosen, other)] == [True, True, False]
    assert response.url == f"{LIST}?page=2"
    assert said(response) == ["2 operators switched on."]


def test_of_several_who_are_switched_off_none_gets_anothers_contacts(supervisor, source):
    first, second = (busy(source, contacts=2) for _ in range(2))
    third = busy(source, places=3)

    response = bulk(supervisor, "off_redistribute", first, second)

    assert state_of(third) == (True, 3)
    assert state_of(first)[1] + state_of(second)[1] == 1
    assert said(response) == [
        "2 operators switched off. 3 open contacts went to others. 1 open contact stayed."
    ]
    assert_promises_kept()


def test_switches_several_off_and_puts_their_contacts_into_the_queue(supervisor, source):
    chosen = [busy(source, contacts=2) for _ in range(2)]

    response = bulk(supervisor, "off_requeue", *chosen)

    assert [state_of(one) for one in chosen] == [(False, 0), (False, 0)]
    assert said(response) == ["2 operators switched off. 4 open contacts went back into the queue."]


def test_switches_several_off_who_keep_their_contacts(supervisor, source):
    chosen = [busy(source, contacts=1) for _ in range(2)]

    bulk(supervisor, "off_keep", *chosen)

    assert [state_of(one) for one in chosen] == [(False, 1), (False, 1)]


def test_sets_the_limit_of_several(supervisor):
    chosen = [OperatorFactory(max_load=limit) for limit in (1, 2, 8)]

    response = bulk(supervisor, "limit", *chosen, max_load="8")

    assert set(Operator.objects.values_list("max_load", flat=True)) == {8}
    assert said(response) == ["2 operators have the limit 8 now."]


def test_says_who_could_not_be_changed_and_why(supervisor):
    operator = OperatorFactory(is_active=False)
    gone = OperatorFactory()
    Operator.objects.filter(pk=gone.pk).delete()

    response = bulk(supervisor, "on", operator, gone)

    assert state_of(operator) == (True, 0)
    assert said(response) == [
        "1 operator switched on.",
        f"1 operator was not changed (#{gone.pk}): It was deleted meanwhile.",
    ]


def test_begins_nothing_that_there_is_no_time_for(supervisor, monkeypatch):
    monkeypatch.setattr(operators_bulk, "SECONDS", -1.0)
    operator = OperatorFactory(name="Demo", is_active=False)

    response = bulk(supervisor, "on", operator)

    assert state_of(operator) == (False, 0)
    assert said(response) == [
        "1 operator was not changed (Demo): There was no time left for it; do it again."
    ]


def test_says_that_nothing_was_to_be_changed(supervisor):
    assert said(bulk(supervisor, "on", OperatorFactory())) == ["Nothing was changed."]


@pytest.mark.parametrize(
    ("action", "undo"),
    [("on", {"action": "off_keep"}), ("limit", {"action": "limit", "max_load": "5"})],
)
def test_what_was_done_to_several_can_be_undone(supervisor, action, undo):
    chosen = OperatorFactory.create_batch(2, is_active=False, max_load=5)
    unchanged = OperatorFactory(is_active=True, max_load=6)
    response = bulk(supervisor, action, *chosen, unchanged, max_load="6")
    page = supervisor.get(response.url).content.decode()

    toast = page[page.index("data-toast") :]
    for name, value in undo.items():
        assert f'name="{name}" value="{value}"' in toast
    fields = undo | {"pk": ",".join(str(one.pk) for one in chosen)}
    assert f'name="pk" value="{fields["pk"]}"' in toast
    supervisor.post(BULK, fields)

    for one in chosen:
        one.refresh_from_db()
        assert (one.is_active, one.max_load) == (False, 5)
    assert Operator.objects.get(pk=unchanged.pk).is_active


@pytest.mark.parametrize("limit", ["", "-1"])
def test_shows_the_list_again_with_the_selection_and_a_wrong_limit(supervisor, limit):
    chosen, other = OperatorFactory.create_batch(2, max_load=5)
    OperatorFactory(is_active=False)

    response = bulk(supervisor, "limit", chosen, max_load=limit, next=f"{LIST}?state=on")

    html = response.content.decode()
    assert response.status_code == 422
    assert sorted(names_in(response)) == sorted([chosen.name, other.name])
    assert 'id="bulk_max_load_error"' in html
    assert list(response.context["chosen"]) == [chosen.pk]
    assert html.count("checked") - html.count("aria-checked") == 1
    assert set(Operator.objects.values_list("max_load", flat=True)) == {5, 10}


def test_shows_the_list_again_for_what_cannot_be_done(supervisor):
    operator = OperatorFactory(is_active=False)
    too_many = [str(operator.pk + number) for number in range(PAGE_SIZE + 1)]
    selections = ([], ["x"], ["9" * 30], ["\0"], ["-1"], too_many)
    wrong = [{"action": "on", "pk": pk} for pk in selections]

    for data in [*wrong, {"action": "burn", "pk": [operator.pk]}]:
        response = supervisor.post(BULK, data)

        assert response.status_code == 422
        assert 'role="alert"' in response.content.decode()
    assert state_of(operator) == (False, 0)


def test_viewers_and_visitors_change_nobody(viewer, client):
    operator = OperatorFactory()

    assert bulk(viewer, "off_keep", operator).status_code == 403
    assert bulk(client, "off_keep", operator).url == f"{reverse('login')}?next={BULK}"
    assert viewer.get(BULK)["Allow"] == "POST"
    assert state_of(operator) == (True, 0)
