"""The list of operators: search, filter, order, pages, and limits that are changed in place."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.urls import reverse
from django.utils import timezone

from distribution.models import AuditEvent, Operator
from distribution.services import update_operator
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.tests.factories import AssignedContactFactory, WaitingContactFactory
from leads.tests.operator_pages import (
    HTMX,
    LIST,
    busy,
    filled_in,
    names_in,
    text_of,
    url_of,
)
from leads.views.operators import PAGE_SIZE
from minicrm.tests.pages import queries_of, said

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]


@pytest.fixture
def team(db):
    """One of each kind: free, at the limit, over it, off, and without any source."""
    source = SourceFactory(name="Demo bot")
    busy(source, places=5, contacts=1, operator__name="Demo free")
    busy(source, places=2, contacts=2, operator__name="Demo full")
    busy(source, places=0, contacts=1, operator__name="Demo over")
    busy(source, places=9, operator__name="Demo off", operator__is_active=False)
    WeightFactory(operator__name="Demo unused", operator__max_load=1, weight=0)


def test_shows_load_limit_state_and_sources(viewer, team):
    text = text_of(viewer.get(LIST))

    assert "Demo free" in text
    assert "1 / 5" in text
    assert "4 free places" in text
    assert "over the limit" in text
    assert "Demo bot" in text


def test_a_poll_that_has_seen_the_list_as_it_is_gets_nothing(viewer, team, monkeypatch):
    # Else a full minute, which is news, may come between.
    monkeypatch.setattr("leads.overview.signature.time", SimpleNamespace(time=lambda: 0.0))
    seen = viewer.get(LIST).context["signature"]

    assert viewer.get(LIST, {"seen": seen}, headers=HTMX).status_code == 204
    update_operator(Operator.objects.get(name="Demo full").pk, max_load=77, actor="test")
    again = viewer.get(LIST, {"seen": seen, "state": "free"}, headers=HTMX)
    assert "2 / 77" in text_of(again)
    assert "seen=" not in again.content.decode()


def test_what_was_refused_is_not_polled_away(supervisor, team):
    operator = Operator.objects.get(name="Demo full")
    response = supervisor.post(url_of(operator, "set_limit"), {"max_load": "-1"})

    assert response.status_code == 422
    assert 'name="seen"' in supervisor.get(LIST).content.decode()
    assert 'name="seen"' not in response.content.decode()


def test_filters_by_state(viewer, team):
    expected = {
        "on": ["Demo free", "Demo full", "Demo over", "Demo unused"],
        "off": ["Demo off"],
        "free": ["Demo free", "Demo unused"],
        "full": ["Demo full", "Demo over"],
        "unused": ["Demo unused"],
        "bogus": ["Demo free", "Demo full", "Demo off", "Demo over", "Demo unused"],
    }

    shown = {state: names_in(viewer.get(LIST, {"state": state})) for state in expected}

    assert shown == expected


def test_orders_by_what_is_asked_for(viewer, team):
    expected = {
        "name": ["Demo free", "Demo full", "Demo off", "Demo over", "Demo unused"],
        "-name": ["Demo unused", "Demo over", "Demo off", "Demo full", "Demo free"],
        "-load": ["Demo full", "Demo free", "Demo over", "Demo off", "Demo unused"],
        "-free": ["Demo free", "Demo unused", "Demo full", "Demo over", "Demo off"],
        "limit": ["Demo over", "Demo unused", "Demo full", "Demo free", "Demo off"],
        "--load": ["Demo free", "Demo full", "Demo off", "Demo over", "Demo unused"],
    }

    shown = {order: names_in(viewer.get(LIST, {"sort": order})) for order in expected}

    assert shown == expected


def test_orders_by_the_last_contact_and_puts_those_without_last(viewer):
    now = timezone.now()
    for name, hours in (("Demo long ago", 5), ("Demo just now", 0)):
        AssignedContactFactory(operator__name=name, assigned_at=now - timedelta(hours=hours))
    OperatorFactory(name="Demo never")

    shown = names_in(viewer.get(LIST, {"sort": "-last"}))

    assert shown == ["Demo just now", "Demo long ago", "Demo never"]


def test_says_how_it_is_ordered_and_links_to_the_other_way_round(viewer, team):
    html = viewer.get(LIST, {"sort": "-load", "state": "on", "page": "1"}).content.decode()

    assert html.count('aria-sort="descending"') == 1
    assert f'href="{LIST}?sort=load&amp;state=on"' in html
    assert f'href="{LIST}?sort=name&amp;state=on"' in html


def test_finds_names_whatever_the_case(viewer):
    OperatorFactory(name="Иван Demo")
    OperatorFactory(name="Demo other")

    for text in ("иван", "ИВАН", " ван "):
        assert names_in(viewer.get(LIST, {"q": text})) == ["Иван Demo"]


def test_takes_what_is_searched_for_literally(viewer):
    OperatorFactory(name="Demo 1000 aXb x d")
    for text in ("100%", "a_b", "(x", "\\d", "[", "***="):
        OperatorFactory(name=f"Demo {text} here")

        assert names_in(viewer.get(LIST, {"q": text})) == [f"Demo {text} here"]


def test_says_that_nobody_is_like_that(viewer, team):
    for text in ("nobody", "a\0b", "x" * 5_000):
        response = viewer.get(LIST, {"q": text, "state": "\0"})

        assert names_in(response) == []
        assert "No operator matches the filters." in text_of(response)


def test_any_page_number_shows_some_page(viewer, team):
    for number in ("0", "-1", "x", "9" * 30, "9" * 5_000, "\0", "1.5"):
        assert len(names_in(viewer.get(LIST, {"page": number}))) == 5


def test_shows_page_by_page_with_the_filters_kept(viewer):
    OperatorFactory.create_batch(PAGE_SIZE + 2)

    first = viewer.get(LIST, {"state": "on"})
    second = viewer.get(LIST, {"state": "on", "page": 2})

    assert f'href="{LIST}?state=on&amp;page=2"' in first.content.decode()
    assert f"Page 2 of 2, operators: {PAGE_SIZE + 2}" in text_of(second)
    assert not set(names_in(first)) & set(names_in(second))
    assert len(names_in(second)) == 2


def test_says_that_there_are_no_operators_yet(supervisor, viewer):
    assert "Add the first operator" in text_of(supervisor.get(LIST))
    assert "A supervisor can add them." in text_of(viewer.get(LIST))


def test_needs_as_many_queries_for_60_operators_as_for_7(supervisor):
    sources = SourceFactory.create_batch(5)

    def more(count):
        for _ in range(count):
            operator = AssignedContactFactory().operator
            for source in sources:
                WeightFactory(operator=operator, source=source)

    more(7)
    few = queries_of(supervisor, LIST)
    more(53)
    many = queries_of(supervisor, LIST)

    assert few == many
    assert many < 15


def test_who_may_only_look_gets_no_controls(viewer, team):
    html = viewer.get(LIST).content.decode()

    assert 'role="switch"' not in html
    assert 'name="max_load"' not in html
    assert 'name="pk"' not in html
    assert reverse("leads:create_operator") not in html


def test_visitors_are_sent_to_the_sign_in_page(client):
    assert client.get(LIST).url == f"{reverse('login')}?next={LIST}"


def test_who_is_in_no_role_sees_nothing(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("demo-nobody"))

    assert client.get(LIST).status_code == 403


def test_the_list_takes_no_posts(supervisor):
    assert supervisor.post(LIST)["Allow"] == "GET, HEAD"


def test_htmx_gets_the_content_alone(viewer, team):
    html = viewer.get(LIST, headers=HTMX).content.decode()

    assert "<html" not in html
    assert "Demo free" in html


# Limits in place


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_sets_a_limit_where_it_is_shown(supervisor, headers):
    operator = OperatorFactory(name="Demo", max_load=5)
    back = f"{LIST}?state=on&page=2"

    response = supervisor.post(
        url_of(operator, "set_limit"), {"max_load": 12, "next": back}, headers=headers
    )

    assert response.url == back
    assert Operator.objects.get().max_load == 12
    assert said(response) == ["Limit of Demo: 12 instead of 5."]
    assert AuditEvent.objects.get().actor == f"user:{supervisor.user.pk}"


def test_a_higher_limit_gives_waiting_contacts_to_the_operator(supervisor):
    source = SourceFactory()
    operator = busy(source, places=0)
    WaitingContactFactory.create_batch(3, source=source)

    supervisor.post(url_of(operator, "set_limit"), {"max_load": 2})

    operator.refresh_from_db()
    assert operator.current_load == 2


def test_shows_the_list_again_with_what_is_no_limit(supervisor):
    operator = OperatorFactory(name="Demo one", max_load=5)
    OperatorFactory(name="Demo two", is_active=False)
    address, back = url_of(operator, "set_limit"), f"{LIST}?state=on&sort=-load"

    for typed in ("-1", "2147483648", "", "many", "1_0", "10.0", "9" * 5_000):
        response = supervisor.post(address, {"max_load": typed, "next": back})

        assert response.status_code == 422
        assert names_in(response) == ["Demo one"]
        assert f'id="operator-{operator.pk}-limit-error"' in response.content.decode()
        form = filled_in(response, address)
        assert (form["max_load"], form["next"]) == (typed, back)
    operator.refresh_from_db()
    assert operator.max_load == 5


def test_shows_the_operators_own_page_again_from_there(supervisor):
    operator = OperatorFactory(max_load=5)

    response = supervisor.post(
        url_of(operator, "set_limit"), {"max_load": "x", "next": url_of(operator)}, headers=HTMX
    )

    assert response.status_code == 422
    assert "Enter a whole number." in text_of(response)
    assert "Open contacts" in text_of(response)


def test_tells_of_a_wrong_limit_whose_row_is_not_shown_any_more(supervisor):
    operator = OperatorFactory(is_active=False)

    response = supervisor.post(
        url_of(operator, "set_limit"), {"max_load": "x", "next": f"{LIST}?state=on"}
    )

    assert response.status_code == 422
    assert "Enter a whole number." in text_of(response)


def test_does_not_overwrite_a_limit_that_a_colleague_has_changed(supervisor):
    operator = OperatorFactory(max_load=5)
    address = url_of(operator, "set_limit")
    form = filled_in(supervisor.get(LIST), address)
    update_operator(operator.pk, actor="test", max_load=7)

    refused = supervisor.post(address, form | {"max_load": 9})
    operator.refresh_from_db()
    assert (refused.status_code, operator.max_load) == (409, 7)
    assert "Somebody set this to “7” meanwhile." in text_of(refused)

    again = filled_in(refused, address)
    assert again["max_load"] == "9"
    supervisor.post(address, again)
    operator.refresh_from_db()
    assert operator.max_load == 9


def test_the_same_limit_changes_nothing(supervisor):
    operator = OperatorFactory(max_load=5)

    response = supervisor.post(url_of(operator, "set_limit"), {"max_load": " 5 "})

    assert said(response) == ["Nothing was changed."]
    assert not AuditEvent.objects.exists()


def test_a_limit_can_be_undone(supervisor):
    operator = OperatorFactory(max_load=5)
    response = supervisor.post(
        url_of(operator, "set_limit"), {"max_load": 6, "next": LIST}, follow=True
    )
    html = response.content.decode()
    fields = filled_in_toast(html)

    assert fields["max_load"] == "5"
    supervisor.post(url_of(operator, "set_limit"), fields)

    operator.refresh_from_db()
    assert operator.max_load == 5


def filled_in_toast(html):
    toast = html[html.index("data-toast") :]
    return {
        name: toast.split(f'name="{name}" value="')[1].split('"')[0]
        for name in ("max_load", "initial-max_load")
    }


def test_who_may_only_look_sets_no_limit(viewer):
    operator = OperatorFactory(max_load=5)

    assert viewer.post(url_of(operator, "set_limit"), {"max_load": 6}).status_code == 403
    operator.refresh_from_db()
    assert operator.max_load == 5


def test_visitors_set_no_limit(client):
    operator = OperatorFactory(max_load=5)

    assert reverse("login") in client.post(url_of(operator, "set_limit"), {"max_load": 6}).url
    operator.refresh_from_db()
    assert operator.max_load == 5


def test_a_limit_is_posted_and_belongs_to_somebody(supervisor):
    operator = OperatorFactory()

    assert supervisor.get(url_of(operator, "set_limit"))["Allow"] == "POST"
    for number in (operator.pk + 1, 2**63, 10**30):
        missing = reverse("leads:set_limit", args=[number])
        assert supervisor.post(missing, {"max_load": 1}).status_code == 404
