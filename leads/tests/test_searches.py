"""Searches of the lists: what is searched is in the session, and no address tells it."""

import json
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.urls import reverse

from distribution.models import AuditEvent
from leads.tests.admin_pages import found, list_url
from leads.tests.contact_pages import link, text_of
from leads.tests.factories import AssignedContactFactory, LeadFactory, WaitingContactFactory
from minicrm.searches import KEPT, keep_search, kept_search
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

CONTACTS, LEADS = reverse("leads:contacts"), reverse("leads:leads")
EXPORT = reverse("leads:export_contacts")
EMAIL = "lead@example.com"
LOST = "This search is not known here"


@pytest.fixture
def lead():
    """A lead with two contacts, among others."""
    found = LeadFactory(email=EMAIL)
    WaitingContactFactory.create_batch(2, lead=found)
    AssignedContactFactory()
    return found


def rows(page):
    return [row[0] if isinstance(row, tuple) else row.lead for row in page.context["rows"]]


def search(client, url, text, **others):
    """Post a search; return the address that it leads to."""
    answer = client.post(url, {"q": text, **others})
    assert answer.status_code == 302
    return answer.url


def typed(page):
    """Return what the search box of a page shows."""
    box = re.search(r'<input type="search"[^>]*value="([^"]*)"', page.content.decode())
    return unescape(box[1]) if box else ""


@pytest.mark.parametrize("url", [CONTACTS, LEADS])
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true", "HX-Boosted": "true"}])
def test_a_search_leads_to_an_address_that_does_not_tell_it(viewer, lead, url, headers):
    answer = viewer.post(url, {"q": f" {EMAIL.upper()} "}, headers=headers)
    page = viewer.get(answer.url, headers=headers)

    assert list(parse_qs(urlsplit(answer.url).query)) == ["search"]
    assert rows(page) == (list(lead.contacts.order_by("-pk")) if url == CONTACTS else [lead])
    assert typed(page) == EMAIL.upper()


@pytest.mark.parametrize("number", ["#7", "7", " 7 ", "#123456789"])
@pytest.mark.parametrize("url", [CONTACTS, LEADS])
def test_a_plain_number_stays_in_the_address(viewer, url, number):
    query = parse_qs(urlsplit(search(viewer, url, number)).query)

    assert query == {"q": [number.strip()]}


@pytest.mark.parametrize("number", ["4420794", "+7", "7 7", "442079460123", "#", "##7", "٧"])
def test_what_may_be_a_phone_or_an_id_does_not(viewer, number):
    assert list(parse_qs(urlsplit(search(viewer, CONTACTS, number)).query)) == ["search"]


def test_nothing_to_search_leads_to_the_plain_list(viewer):
    assert search(viewer, LEADS, "  ") == LEADS
    assert search(viewer, CONTACTS, "", status="", source="") == CONTACTS


def test_the_other_filters_are_in_the_address_as_before(viewer, lead):
    address = search(viewer, CONTACTS, EMAIL, status="closed", operator="none", source="")

    query = parse_qs(urlsplit(address).query)
    assert query.keys() == {"status", "operator", "search"}
    page = viewer.get(address)
    assert rows(page) == []
    assert page.context["filters"]["status"].value() == "closed"


@pytest.mark.parametrize("url", [CONTACTS, LEADS])
def test_leafing_goes_on_with_the_search(viewer, url):
    found = LeadFactory(email=EMAIL)
    WaitingContactFactory.create_batch(60, lead=found)
    first = viewer.get(search(viewer, CONTACTS, EMAIL))

    second = viewer.get(CONTACTS + link(first, "next"))

    assert (len(rows(first)), len(rows(second))) == (50, 10)
    assert typed(second) == EMAIL


def test_a_new_search_begins_at_the_first_page(viewer, lead):
    address = search(viewer, CONTACTS, EMAIL, before="1")

    assert "before" not in address
    assert len(rows(viewer.get(address))) == 2


def test_filters_that_change_leave_the_search_its_token(viewer, lead):
    """Else looking at one person in several ways would push the other searches out."""
    address = search(viewer, CONTACTS, EMAIL)
    token = parse_qs(urlsplit(address).query)["search"][0]

    again = search(viewer, CONTACTS, EMAIL, status="waiting", search=token)
    other = search(viewer, CONTACTS, "other@example.com", search=token)

    assert parse_qs(urlsplit(again).query)["search"] == [token]
    assert parse_qs(urlsplit(other).query)["search"] != [token]
    assert len(viewer.session["searches"]) == 2


def test_the_download_has_what_the_search_has_found(viewer, lead):
    page = viewer.get(search(viewer, CONTACTS, EMAIL))
    href = re.search(r'id="export" href="([^"]*)"', page.content.decode())[1]

    lines = b"".join(viewer.get(unescape(href)).streaming_content).decode().splitlines()

    assert len(lines) == 1 + 2


def test_going_on_and_undoing_keep_the_search(supervisor, lead):
    """What forms name as the page to return to is the address with the token."""
    address = search(supervisor, CONTACTS, EMAIL)
    contact = lead.contacts.latest("pk")
    close = reverse("leads:close_contact", args=[contact.pk])

    answer = supervisor.post(close, {"version": contact.version, "next": address})

    assert answer.url == address
    page = supervisor.get(address)
    assert f'name="next" value="{address}"' in unescape(page.content.decode())
    assert len(rows(page)) == 2


# Addresses typed by hand, and tokens of elsewhere ----------------------------------------------


@pytest.mark.parametrize("url", [CONTACTS, LEADS, EXPORT])
def test_a_text_typed_into_the_address_is_taken_out_of_it(viewer, lead, url):
    answer = viewer.get(url, {"q": EMAIL, "status": "waiting", "before": "9"})

    assert answer.status_code == 302
    assert urlsplit(answer.url).path == url
    assert parse_qs(urlsplit(answer.url).query).keys() == {"status", "search"}


@pytest.mark.parametrize("url", [CONTACTS, LEADS])
@pytest.mark.parametrize("token", ["unknown", "\0", "x" * 5000, "é", "%F0%9F%98%80"])
def test_a_token_that_is_not_known_shows_the_list_and_says_so(viewer, lead, url, token):
    page = viewer.get(url, {"search": token})

    assert page.status_code == 200
    assert LOST in text_of(page)
    assert rows(page)
    assert 'id="export"' not in page.content.decode()


def test_a_token_is_no_use_in_another_browser(viewer, supervisor, lead):
    address = search(viewer, LEADS, EMAIL)

    assert LOST not in text_of(viewer.get(address))
    assert LOST in text_of(supervisor.get(address))
    viewer.logout()
    viewer.force_login(viewer.user)
    assert LOST in text_of(viewer.get(address))


def test_nobody_takes_all_contacts_along_because_a_search_was_forgotten(viewer, lead):
    answer = viewer.get(EXPORT, {"search": "unknown"})

    assert answer.url == f"{CONTACTS}?search=unknown"


def test_a_session_keeps_the_latest_searches_only(viewer):
    addresses = [search(viewer, LEADS, f"demo-{n}") for n in range(KEPT + 1)]

    assert LOST in text_of(viewer.get(addresses[0]))
    assert [typed(viewer.get(one)) for one in addresses[1:]] == [
        f"demo-{n}" for n in range(1, KEPT + 1)
    ]


def test_a_stored_session_alone_does_not_tell_what_was_searched(viewer):
    text = "Demo Searched demo-searched@example.com"
    search(viewer, LEADS, text)

    stored = json.dumps([row.get_decoded() for row in Session.objects.all()])

    assert "searches" in stored
    assert not [word for word in text.lower().split() if word in stored.lower()]


@pytest.mark.parametrize("text", ["a" * 8, "Лид " * 50, "\N{CAT FACE}\u0301", "x" * 1000])
def test_what_is_sealed_is_unsealed_by_its_token_alone(viewer, text):
    session = viewer.session
    token, other = keep_search(session, text), keep_search(session, text)

    assert token != other
    assert len(set(session["searches"].values())) == 2
    assert kept_search(session, token) == text
    assert kept_search(session, token[:-1]) is None


# Who may, and what is refused ------------------------------------------------------------------


@pytest.mark.parametrize("url", [CONTACTS, LEADS])
def test_only_who_may_look_may_search(client, url):
    assert reverse("login") in client.post(url, {"q": EMAIL}).url
    assert sign_in().post(url, {"q": EMAIL}).status_code == 403


@pytest.mark.parametrize("url", [CONTACTS, LEADS])
@pytest.mark.parametrize("text", ["a\0b", "x" * 301])
def test_a_text_that_is_none_is_refused_where_it_was_typed(viewer, lead, url, text):
    page = viewer.post(url, {"q": text})

    assert page.status_code == 422
    assert page.context["filters" if url == CONTACTS else "form"].errors["q"]
    assert rows(page) == []
    assert "searches" not in viewer.session


def test_days_in_the_wrong_order_are_refused_at_the_field(viewer, lead):
    days = {"received_from": "2030-05-03", "received_to": "2030-05-02"}
    for page in (viewer.get(CONTACTS, days), viewer.post(CONTACTS, days)):
        assert page.context["filters"].errors == {
            "received_to": ["This day is before the first one."]
        }
        assert "This day is before the first one." in text_of(page)
        field = re.search(r'<input type="date" name="received_to"[^>]*>', page.content.decode())[0]
        assert 'aria-invalid="true"' in field
        assert 'aria-describedby="filter-received_to_error"' in field
        assert 'id="filter-received_to_error"' in page.content.decode()
        assert 'id="export"' not in page.content.decode()
    same = {"received_from": "2030-05-03", "received_to": "2030-05-03"}
    assert not viewer.get(CONTACTS, same).context["filters"].errors


# The record of downloads -----------------------------------------------------------------------


def test_who_took_contacts_along_stands_in_the_history(supervisor, viewer, lead):
    b"".join(supervisor.get(EXPORT, {"status": "waiting"}).streaming_content)
    b"".join(
        viewer.get(search(viewer, CONTACTS, EMAIL).replace(CONTACTS, EXPORT)).streaming_content
    )

    events = list(AuditEvent.objects.order_by("pk"))
    assert [(one.actor, one.action, one.object_type) for one in events] == [
        (f"user:{client.user.pk}", "exported", "contacts") for client in (supervisor, viewer)
    ]
    assert events[0].after == {"filters": ["status=waiting"], "masked": False}
    assert events[1].after == {"filters": ["search"], "masked": True}
    page = supervisor.get(reverse("distribution:history"))
    assert "personal data exported" in text_of(page)


def test_what_was_not_sent_is_not_recorded(viewer, lead):
    viewer.head(EXPORT)
    viewer.get(EXPORT, {"search": "unknown"})
    viewer.get(EXPORT, {"status": "odd"})

    assert not AuditEvent.objects.exists()


# Django's admin --------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["lead", "contact", "idempotencyrecord"])
def test_the_admins_search_stays_out_of_addresses_too(admin_client, lead, model):
    listing = reverse(f"admin:leads_{model}_changelist")
    box = admin_client.get(listing).content.decode()
    form = re.search(r'<form id="changelist-search"[^>]*>', box)[0]
    assert 'method="post"' in form
    assert f'action="{listing}search/"' in form

    answer = admin_client.post(f"{listing}search/", {"q": EMAIL, "o": "-1"})
    page = admin_client.get(answer.url)

    assert EMAIL not in answer.url
    assert parse_qs(urlsplit(answer.url).query).keys() == {"q", "o"}
    assert page.context["cl"].query == EMAIL
    links = re.findall(r'(?:href|action|src)="([^"]*)"', page.content.decode())
    assert links
    assert not [one for one in links if "example.com" in one or "lead%40" in one.lower()]
    expected = {"lead": [lead], "contact": list(lead.contacts.order_by("-pk"))}
    found = sorted(page.context["cl"].result_list, key=lambda row: -row.pk)
    assert found == expected.get(model, [])


def test_the_admin_asks_to_search_again_for_what_it_does_not_know(admin_client, lead):
    listing = reverse("admin:leads_lead_changelist")

    page = admin_client.get(listing, {"q": EMAIL}, follow=True)

    assert page.redirect_chain == [(f"{listing}?", 302)]
    assert "This search is not known here." in text_of(page)
    assert list(admin_client.get(listing, {"q": f"{lead.pk}"}).context["cl"].result_list) == []
    assert admin_client.post(f"{listing}search/", {"q": "a\0"}).status_code == 400
    assert admin_client.get(f"{listing}search/").status_code == 405


def staff_without_personal_data():
    """Sign in somebody of the staff who may look, but not see what people are known by."""
    client = sign_in("viewer", username="demo-staff")
    client.user.is_staff = True
    client.user.save()
    for codename in ("view_assignment", "view_idempotencyrecord"):
        client.user.user_permissions.add(Permission.objects.get(codename=codename))
    return client


def test_the_admin_does_not_let_those_guess_who_may_not_see(administrator, lead):
    """They find whole keys and numbers, as on the pages."""
    staff = staff_without_personal_data()
    assert found(administrator, "lead", EMAIL[:6]) == [lead]
    assert found(staff, "lead", EMAIL[:6]) == []
    assert found(staff, "lead", EMAIL.upper()) == [lead]
    assert found(staff, "lead", f"#{lead.pk}") == [lead]
    lead.name = "Demo lead"
    lead.save()
    assert found(administrator, "lead", "Demo") == [lead]
    assert found(staff, "lead", "Demo") == []
    shown = text_of(staff.get(list_url("lead")))
    assert "External id, e-mail, phone, or #number" in shown
    assert "Beginning of an external id" not in shown


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        ("lead", "email__startswith"),
        ("lead", "phone"),
        ("lead", "external_id__gt"),
        ("lead", "name__contains"),
        ("contact", "name__contains"),
        ("contact", "message__contains"),
        ("contact", "supplied__email__startswith"),
        ("contact", "payload__has_key"),
        ("assignment", "end_reason__contains"),
        ("assignment", "decision__reason__startswith"),
        ("idempotencyrecord", "key__startswith"),
        ("idempotencyrecord", "digest"),
    ],
)
def test_the_admin_looks_nobody_up_for_those_who_may_not_see(admin_client, lead, model, lookup):
    staff = staff_without_personal_data()
    query = {lookup: "l"}
    assert admin_client.get(list_url(model), query).status_code == 200
    assert staff.get(list_url(model), query).status_code == 400


def test_the_admin_filters_for_those_who_may_not_see(lead):
    staff = staff_without_personal_data()
    page = staff.get(list_url("contact"), {"lead__id__exact": lead.pk, "status": "waiting"})
    assert set(page.context["cl"].result_list) == set(lead.contacts.all())
    page = staff.get(list_url("lead"), {"created_at__year": lead.created_at.year})
    assert lead in page.context["cl"].result_list


def test_who_may_not_look_at_leads_does_not_search_them(administrator):
    administrator.user.groups.clear()

    assert administrator.post(reverse("admin:leads_lead_search"), {"q": EMAIL}).status_code == 403
