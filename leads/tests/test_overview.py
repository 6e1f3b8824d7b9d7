"""The overview as a whole: who sees it, what it is made of, how much it reads."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Assignment, Contact
from leads.overview import latest, operators
from leads.templatetags.figures import age_text
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    LeadFactory,
    WaitingContactFactory,
)
from leads.tests.overview_page import HTMX, URL, card, text_of
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]


def test_sends_visitors_to_the_sign_in_page(client):
    response = client.get(URL)

    assert response.status_code == 302
    assert response.url == f"{reverse('login')}?next={URL}"


def test_an_open_page_asks_for_a_new_sign_in(client):
    """The browser follows the redirect to the sign-in page by itself, as a background request."""
    response = client.get(URL, headers=HTMX, follow=True)

    assert response["HX-Refresh"] == "true"
    assert response.content == b""


def test_shows_nothing_to_those_without_a_role():
    SourceFactory(name="Demo source")

    response = sign_in().get(URL)

    assert response.status_code == 403
    assert "Demo source" not in response.content.decode()


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_only_shows(supervisor, method):
    response = getattr(supervisor, method)(URL)

    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"


def test_htmx_gets_the_content_alone(viewer):
    whole, part = text_of(viewer), text_of(viewer, headers=HTMX)

    assert "<html" in whole
    assert "<html" not in part
    for html in (whole, part):
        assert "<h1>Overview</h1>" in html
        assert 'data-live hx-get="/" hx-include="#seen" hx-trigger="poll"' in html


def test_browsers_keep_no_answer(viewer):
    response = viewer.get(URL)

    assert "HX-Request" in response["Vary"]
    assert "no-store" in response["Cache-Control"]


def test_works_without_inline_scripts_and_styles(supervisor):
    AssignedContactFactory()
    WaitingContactFactory()

    html = text_of(supervisor)

    assert "<style" not in html
    assert " style=" not in html
    assert not re.search(r" on[a-z]+=", html)
    assert html.count("<script") == html.count("<script src=")


def test_every_id_is_there_once(supervisor):
    AssignedContactFactory.create_batch(2)
    WaitingContactFactory.create_batch(2)

    ids = re.findall(r' id="([^"]+)"', text_of(supervisor))

    assert len(ids) > 20
    assert sorted(ids) == sorted(set(ids))


def test_shows_the_latest_contacts_newest_first(viewer):
    contacts = ClosedContactFactory.create_batch(latest.SHOWN + 1)

    html = text_of(viewer)

    ids = [int(pk) for pk in re.findall(r'id="contact-(\d+)"', html)]
    assert ids == [contact.pk for contact in reversed(contacts[1:])]


def test_tells_who_has_a_contact_and_why(viewer):
    operator = OperatorFactory(name="Demo operator")
    first = OperatorFactory(name="Demo first")
    assigned = AssignedContactFactory(operator=operator, source__name="Demo bot")
    decision = {"method": "reassignment", "operator_id": operator.pk, "from_operator_id": first.pk}
    period = assigned.assignments.get()
    period.decision, period.ended_as = {"method": "weighted_random"}, Assignment.End.REASSIGNED
    period.ended_at = period.started_at
    period.save()
    assigned.assignments.create(
        operator=operator, method="reassignment", decision=decision, started_at=period.ended_at
    )
    WaitingContactFactory()
    ClosedContactFactory()

    closed, waiting, with_operator = card(text_of(viewer), "latest").split("<li ")[1:]

    assert '<span class="tag">Demo bot</span>' in with_operator
    assert f'href="{reverse("leads:operator", args=[operator.pk])}">Demo operator</a>' in (
        with_operator
    )
    assert '<p class="muted">handed over from Demo first</p>' in with_operator
    assert '<span class="badge is-orange">waiting</span>' in waiting
    assert "nobody" in waiting
    assert '<span class="badge is-grey">closed</span>' in closed


def test_escapes_what_came_from_outside(viewer):
    lead = LeadFactory(name="<b>Demo</b>")
    WaitingContactFactory(lead=lead, message="secret", supplied={"email": "secret@example.com"})

    html = text_of(viewer)

    assert "&lt;b&gt;Demo&lt;/b&gt;" in html
    assert "<b>Demo" not in html
    assert "secret" not in html


def test_says_what_to_do_when_there_is_nothing(supervisor, viewer):
    for client, may_add in ((supervisor, True), (viewer, False)):
        html = text_of(client)
        assert "There are no operators yet." in html
        assert "There are no sources yet." in html
        assert "Nobody waits." in html
        assert "No contact has come in lately." in html
        for name in ("create_operator", "create_source"):
            assert (f'href="{reverse(f"leads:{name}")}"' in html) == may_add


def test_says_how_to_send_the_first_contact(viewer):
    source = SourceFactory()

    html = card(text_of(viewer), "latest")

    assert "curl -sS http://testserver/api/v1/contacts/" in html
    assert f"{{&quot;source_id&quot;: {source.pk}," in html or f'"source_id": {source.pk},' in html
    assert 'data-copy="#first-contact"' in html


def test_needs_the_same_few_queries_for_any_number_of_rows(supervisor):
    counts = []
    for more in (0, 7, 53):
        _grow(more)
        with CaptureQueriesContext(connection) as queries:
            supervisor.get(URL)
        counts.append(len(queries))

    assert Operator.objects.count() == 60
    assert Contact.objects.count() == 180
    nothing, few, many = counts
    assert nothing <= few == many < 30


def _grow(number: int) -> None:
    """Add sources that are off with contacts that wait, and contacts of operators with weights."""
    for contact in WaitingContactFactory.create_batch(number, source__is_active=False):
        WeightFactory(source=contact.source)
    ClosedContactFactory.create_batch(number)

    for operator in Operator.objects.order_by("-pk")[:number]:
        contact = AssignedContactFactory(operator=operator)
        contact.assignments.update(
            decision={"method": "redistribution", "from_operator_id": operator.pk}
        )


def test_shows_so_many_operators_and_leads_to_all(viewer):
    OperatorFactory.create_batch(3, is_active=False)
    on = OperatorFactory.create_batch(operators.SHOWN)

    html = card(text_of(viewer), "operators")

    ids = [int(pk) for pk in re.findall(r'<tr id="operator-(\d+)"', html)]
    assert ids == [operator.pk for operator in on]
    assert f"All {operators.SHOWN + 3} operators" in html


def test_speaks_russian(viewer):
    operator = OperatorFactory(name="Demo")

    html = text_of(viewer, headers={"Accept-Language": "ru"})

    assert '<html lang="ru"' in html
    assert "Операторы" in html
    assert "Operator" not in html.replace(operator.name, "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "119 min"),
        (7_200, "2 h"),
        (172_799, "47 h"),
        (172_800, "2 d"),
        (864_000, "10 d"),
    ],
)
def test_ages_are_told_in_a_unit_that_fits(seconds, text):
    assert age_text(seconds) == text
