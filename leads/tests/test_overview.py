"""The overview: who works, who waits, what came in last."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, SourceFactory
from leads.models import Contact
from leads.templatetags.figures import age_text
from leads.tests.factories import AssignedContactFactory, LeadFactory, WaitingContactFactory
from leads.views.overview import CONTACTS_SHOWN, OPERATORS_SHOWN

pytestmark = pytest.mark.django_db

URL = reverse("leads:overview")
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _own_language():
    """A request leaves its language behind; the next test shall not find it."""
    with translation.override("en"):
        yield


@pytest.fixture
def user():
    return User.objects.create_user("demo", password="demo-password")


@pytest.fixture
def page(client, user):
    """Return a function that gets the page as text, without white space around tags."""
    client.force_login(user)

    def get(**kwargs):
        text = re.sub(r"[ \n]+", " ", client.get(URL, **kwargs).content.decode())
        return text.replace("> ", ">").replace(" <", "<").strip()

    return get


def test_sends_visitors_to_the_sign_in_page(client):
    response = client.get(URL)

    assert response.status_code == 302
    assert response.url == f"{reverse('login')}?next={URL}"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_only_shows(client, user, method):
    client.force_login(user)

    response = getattr(client, method)(URL)

    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"


def test_a_background_request_gets_the_changing_part_alone(page):
    whole, part = page(), page(headers=HTMX)

    assert "<html" in whole
    assert 'hx-get="/" hx-trigger="every 3s" hx-swap="innerMorph"' in whole
    assert "<html" not in part
    assert part.startswith('<header class="page-head">')
    assert "There are no operators yet." in whole
    assert "There are no operators yet." in part


def test_browsers_keep_neither_answer(client, user):
    client.force_login(user)

    response = client.get(URL)

    assert "HX-Request" in response["Vary"]
    assert "no-store" in response["Cache-Control"]


def test_an_open_page_asks_for_a_new_sign_in(client):
    """The browser follows the redirect to the sign-in page by itself, as a background request."""
    response = client.get(URL, headers=HTMX, follow=True)

    assert response["HX-Refresh"] == "true"
    assert response.content == b""


def test_works_without_inline_scripts_and_styles(page):
    AssignedContactFactory()

    html = page()

    assert "<style" not in html
    assert " style=" not in html
    assert " onclick=" not in html
    assert html.count("<script") == html.count("<script src=") == 1


@pytest.mark.parametrize(
    ("load", "limit", "active", "state", "shown"),
    [
        (0, 10, True, "free", "on"),
        (7, 10, True, "free", "on"),
        (8, 10, True, "busy", "on"),
        (10, 10, True, "full", "at limit"),
        (12, 10, True, "full", "at limit"),
        (0, 0, True, "full", "at limit"),
        (3, 10, False, "off", "off"),
    ],
)
def test_shows_how_full_an_operator_is(page, load, limit, active, state, shown):
    OperatorFactory(name="Demo", current_load=load, max_load=limit, is_active=active)

    html = page()

    assert f'<span class="badge {state}">{shown}</span>' in html
    value, maximum = (min(load, limit), limit) if limit else (1, 1)
    bar = f'<progress class="load {state}" value="{value}" max="{maximum}"'
    assert f'{bar} aria-label="Load of Demo">' in html
    assert f"{load} / {limit}</td>" in html


def test_counts_operators_and_free_places(page):
    OperatorFactory(current_load=3, max_load=10)
    OperatorFactory(current_load=12, max_load=10)
    OperatorFactory(max_load=1_000, is_active=False)

    html = page()

    assert '<p class="number">2 / 3</p><p class="muted">1 off</p>' in html
    assert '<p class="number">7 / 20</p>' in html


def test_groups_the_digits_of_big_numbers(page):
    OperatorFactory(max_load=2_000_000)

    assert "2,000,000 / 2,000,000" in page()
    assert "2\xa0000\xa0000 / 2\xa0000\xa0000" in page(headers={"Accept-Language": "ru"})


def test_counts_the_waiting_and_tells_how_long_the_oldest_has_waited(page):
    now = timezone.now()
    WaitingContactFactory(created_at=now - timedelta(minutes=12))
    WaitingContactFactory(created_at=now - timedelta(minutes=3))
    AssignedContactFactory(created_at=now - timedelta(hours=5))

    html = page()

    assert '<h2>Waiting</h2><p class="number">2</p><p class="muted">oldest for<time' in html
    assert html.split("oldest for")[1].split("</time>")[0].endswith(">12 min")


def test_nobody_waits(page):
    AssignedContactFactory()

    assert '<p class="number">0</p><p class="muted">nobody waits</p>' in page()


def test_counts_the_contacts_since_midnight(page, client, user, settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    midnight = datetime(2030, 5, 1, 15, tzinfo=UTC)  # there
    WaitingContactFactory(created_at=midnight)
    WaitingContactFactory(created_at=midnight - timedelta(seconds=1))

    with time_machine.travel(midnight + timedelta(hours=5), tick=False):
        client.force_login(user)
        html = page()

    assert '<h2>Contacts today</h2><p class="number">1</p>' in html
    assert '<time datetime="2030-05-02T05:00:00+09:00">05:00:00</time>' in html


def test_shows_the_latest_contacts_newest_first(page):
    contacts = WaitingContactFactory.create_batch(CONTACTS_SHOWN + 1)

    html = page()

    ids = [int(part.split('"')[0]) for part in html.split('id="contact-')[1:]]
    assert ids == [contact.pk for contact in reversed(contacts[1:])]


def test_tells_who_has_a_contact(page):
    AssignedContactFactory(operator__name="Demo operator", source__name="Demo bot")
    WaitingContactFactory()
    Contact.objects.create(
        lead=LeadFactory(),
        source=SourceFactory(),
        status=Contact.Status.CLOSED,
        created_at=timezone.now(),
        closed_at=timezone.now(),
    )

    html = page()

    assert '<span class="tag">Demo bot</span>' in html
    assert '<p class="who-has-it"><span class="name">Demo operator</span></p>' in html
    assert '<p class="who-has-it"><span class="badge waiting">waiting</span></p>' in html
    assert (
        '<p class="who-has-it"><span class="name">–</span><span class="badge off">closed</span></p>'
        in html
    )


def test_shows_a_leads_name_or_number_and_none_of_the_keys(page):
    named = LeadFactory(name="Demo <b>", external_id="secret-1", email="secret@example.com")
    nameless = LeadFactory(external_id="secret-2", phone="+442079460123")
    for lead in (named, nameless):
        WaitingContactFactory(lead=lead, supplied={"email": "secret@example.com"}, message="secret")

    html = page()

    assert "Demo &lt;b&gt;" in html
    assert f"Lead #{nameless.pk}" in html
    assert "secret" not in html
    assert "44207946" not in html


def test_says_what_to_do_when_there_are_no_operators(admin_client):
    html = admin_client.get(URL).content.decode()

    assert reverse("admin:distribution_operator_add") in html
    assert "Add the first operator" in html


def test_says_how_to_send_the_first_contact(page):
    html = page()

    assert "curl http://testserver/api/v1/contacts/" in html
    assert 'href="/api/v1/docs"' in html


def test_shows_no_way_into_the_admin_to_those_who_cannot_go_there(page, user):
    contact = AssignedContactFactory()
    changed = reverse("admin:distribution_operator_change", args=[contact.operator.pk])

    assert "/admin/" not in page()

    user.is_staff = True
    user.save()
    user.user_permissions.add(Permission.objects.get(codename="view_operator"))
    html = page()
    assert changed in html
    assert reverse("admin:leads_contact_change", args=[contact.pk]) not in html


def test_shows_so_many_operators_and_counts_the_rest(page):
    OperatorFactory.create_batch(OPERATORS_SHOWN + 2)

    html = page()

    assert html.count("<progress") == OPERATORS_SHOWN
    assert "and 2 more operators" in html


def test_needs_the_same_few_queries_for_any_number_of_rows(client, user):
    client.force_login(user)
    AssignedContactFactory.create_batch(2)
    with CaptureQueriesContext(connection) as few:
        client.get(URL)
    AssignedContactFactory.create_batch(198)
    with CaptureQueriesContext(connection) as many:
        client.get(URL)

    assert Operator.objects.count() == Contact.objects.count() == 200
    assert len(many) == len(few) < 15


def test_speaks_russian(page):
    operator = OperatorFactory()

    html = page(headers={"Accept-Language": "ru"})

    assert '<html lang="ru">' in html
    assert "Оператор" in html
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
