"""Who may not see personal data sees it masked in every list, and whole where they ask for one."""

import csv
import io
import re
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from distribution.models import Operator, OperatorSourceWeight, Source
from leads.models import Contact, LeadConflict
from leads.services import ContactRequest, merge_leads, register_contact
from leads.tests.contact_pages import text_of
from leads.tests.factories import LeadFactory, WaitingContactFactory
from minicrm.tests.every_page import PAGES
from minicrm.tests.people import sign_in
from minicrm.tests.world import create_world

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

# Parts of every key and message, which no mask shows.
KEY, MESSAGE = "zqkey", "zqmessage"
DIGITS = "7946091"
PEOPLE = {
    "email": {"email": f"a-{KEY}-1@example.com"},
    "phone": {"phone": f"+4420{DIGITS}1"},
    "external_id": {"external_id": f"tg-{KEY}-3"},
    "id_of_mail": {"external_id": f"a-{KEY}-4@example.com"},
    "id_of_phone": {"external_id": f"+4420{DIGITS}5"},
    "name": {"external_id": f"{KEY}-6", "name": f"Demo Wren (b-{KEY}@example.com, 020 {DIGITS})"},
}
# Pages of one lead or one contact: who may open them sees what they came for.
WHOLE = {"leads:lead", "leads:contact"}
LISTS = {
    "leads:overview",
    "leads:contacts",
    "leads:leads",
    "leads:duplicates",
    "leads:operator",
}


@pytest.fixture
def people():
    """The people, and the numbers of theirs that the addresses of pages want."""
    return create_people()


def create_people():
    """Create contacts, assigned and waiting, of people who must not be recognised in any list."""
    source = Source.objects.create(name="Demo: masked")
    operator = Operator.objects.create(name="Demo: busy", max_load=3)
    OperatorSourceWeight.objects.create(operator=operator, source=source, weight=1)
    for keys in [*PEOPLE.values()] * 2:
        request = ContactRequest(source_id=source.pk, message=f"{MESSAGE} {KEY}", **keys)
        register_contact(request, actor="test")
    contacts = Contact.objects.filter(source=source)
    waiting, assigned = contacts.waiting().earliest("pk"), contacts.assigned().latest("pk")
    pair = contacts.latest("pk").lead, waiting.lead
    other = LeadFactory(email=f"c-{KEY}@example.com", phone=f"+4420{DIGITS}9")
    merged = LeadFactory(email=f"d-{KEY}@example.com")
    merge_leads(into_id=other.pk, lead_id=merged.pk, actor="test")
    LeadConflict.objects.create(lead=pair[0], other_lead=other, key="email")
    return {
        "waiting": waiting.pk,
        "assigned": assigned.pk,
        "lead": pair[0].pk,
        "other_lead": other.pk,
        "operator": operator.pk,
    }


@pytest.fixture
def clients(people):
    """A browser for each role."""
    return {role: sign_in(role) for role in ("viewer", "supervisor", "administrator")}


def pages(client, world):
    """Yield every page that this browser may see, by its name."""
    for page in PAGES:
        answer = client.get(page.path(world))
        if answer.status_code == 200:
            yield page.view, answer.content.decode()


def secrets_in(text):
    """Return what of keys and messages stands in a text."""
    joined = re.sub(r"[ ()-]", "", text)
    return {word for word in (KEY, MESSAGE, DIGITS) if word in joined}


def test_lists_show_keys_and_messages_to_those_alone_who_may_see_them():
    world = create_world(contacts=20, awkward=False)
    Contact.objects.waiting().delete()  # else they would be the first of the queue
    world |= create_people()
    seen = {}
    for role in ("viewer", "supervisor"):
        client = Client()
        client.force_login(User.objects.get_by_natural_key(world["names"][role]))
        seen[role] = {}
        for view, text in pages(client, world):
            seen[role].setdefault(view, set()).update(secrets_in(text))
            title = re.search(r"<title>(.*?)</title>", text, re.S)[1]
            assert not secrets_in(title), view

    assert {view for view, found in seen["viewer"].items() if found} == WHOLE
    assert seen["viewer"].keys() >= LISTS
    # Else they would show nothing because nothing is there.
    for view in LISTS | {"leads:merge_leads", "leads:take_next", "leads:close_contact"}:
        assert KEY in seen["supervisor"][view], view
    assert seen["supervisor"]["leads:lead"] == {KEY, MESSAGE, DIGITS}


def test_masks_keep_people_apart(clients):
    page = text_of(clients["viewer"].get(reverse("leads:leads")))

    for mask in ("a…1@e…e.com", "+44 …911", "t…3", "a…4@e…e.com", "+44 …915"):
        assert mask in page
    assert "Demo Wren (b…y@e…e.com, …091)" in page


def test_the_download_is_masked_as_the_list_is(clients):
    for role, hidden in (("viewer", True), ("supervisor", False)):
        answer = clients[role].get(reverse("leads:export_contacts"))
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        assert secrets_in(text) == (set() if hidden else {KEY, MESSAGE, DIGITS})
    lines = list(csv.DictReader(io.StringIO(text)))
    assert lines[0]["message"] == f"{MESSAGE} {KEY}"


def test_the_download_of_a_viewer_keeps_all_that_is_no_personal_data(viewer):
    lead = LeadFactory(name="Demo", email="lead@example.com", phone="+442079460123")
    contact = WaitingContactFactory(lead=lead, name="As sent", message="")
    answer = viewer.get(reverse("leads:export_contacts"))
    (row,) = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))

    assert row["id"] == str(contact.pk)
    assert row["source"] == contact.source.name
    assert (row["lead_name"], row["name"], row["message"]) == ("Demo", "As sent", "")
    assert (row["email"], row["phone"]) == ("l…d@e…e.com", "'+44 …123")


def test_the_page_of_one_lead_shows_it_whole_but_not_the_others_beside_it(viewer):
    one = LeadFactory(external_id=None, email="one@example.com")
    other = LeadFactory(external_id=None, email="other@example.com")
    LeadConflict.objects.create(lead=one, other_lead=other, key="email")
    WaitingContactFactory(lead=one, message="Please call me back.")

    text = text_of(viewer.get(reverse("leads:lead", args=[one.pk])))

    assert "one@example.com" in text
    assert "other@example.com" not in text
    assert "Please call me back." not in text
    assert "with a message" in text


def test_a_page_that_polls_gets_what_its_present_user_may_see(clients, monkeypatch):
    """The signature of what one has seen is no use to the other."""
    # Else a full minute, which is news, may come between.
    monkeypatch.setattr("leads.overview.signature.time", SimpleNamespace(time=lambda: 0.0))
    overview, htmx = reverse("leads:overview"), {"HX-Request": "true"}

    def seen(client):
        return re.search(r'name="seen" value="([^"]+)"', client.get(overview).content.decode())[1]

    viewer, supervisor = clients["viewer"], clients["supervisor"]
    of_viewer, of_supervisor = seen(viewer), seen(supervisor)

    assert viewer.get(overview, {"seen": of_viewer}, headers=htmx).status_code == 204
    assert supervisor.get(overview, {"seen": of_supervisor}, headers=htmx).status_code == 204
    answer = viewer.get(overview, {"seen": of_supervisor}, headers=htmx)
    assert answer.status_code == 200
    assert not secrets_in(answer.content.decode())
    assert supervisor.get(overview, {"seen": of_viewer}, headers=htmx).status_code == 200


def test_who_is_given_the_right_sees_all_at_once(clients):
    viewer = clients["viewer"]
    overview, htmx = reverse("leads:overview"), {"HX-Request": "true"}
    before = re.search(r'name="seen" value="([^"]+)"', viewer.get(overview).content.decode())[1]
    viewer.user.user_permissions.add(Permission.objects.get(codename="see_personal_data"))

    answer = viewer.get(overview, {"seen": before}, headers=htmx)

    assert answer.status_code == 200
    assert KEY in answer.content.decode()


def test_the_admins_lists_show_no_lead_to_who_may_not_see_personal_data(clients):
    client = sign_in("viewer", username="demo-auditor")
    User.objects.filter(pk=client.user.pk).update(is_staff=True)
    administrator = clients["administrator"]

    for model in ("lead", "contact", "leadconflict", "assignment", "idempotencyrecord"):
        url = reverse(f"admin:leads_{model}_changelist")
        page = client.get(url)
        assert page.status_code == (403 if model == "idempotencyrecord" else 200)
        assert not secrets_in(page.content.decode())
        whole = administrator.get(url).content.decode()
        assert bool(secrets_in(whole)) == (model == "lead")
