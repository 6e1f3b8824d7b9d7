"""The pages of leads: looking for them, one lead, possible duplicates, merging."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from distribution.models import AuditEvent
from leads.models import Lead, LeadConflict
from leads.services import merge_leads, preview_merge, tell_apart
from leads.tests.factories import AssignedContactFactory, LeadFactory, WaitingContactFactory
from minicrm.schemas import MAX_ID
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

PHONE = "+442079460123"
HTMX = {"HX-Request": "true"}
LIST, DUPLICATES = reverse("leads:leads"), reverse("leads:duplicates")


def page_of(lead):
    return reverse("leads:lead", args=[lead.pk])


def merge_page(into, lead):
    return reverse("leads:merge_leads", args=[into.pk, lead.pk])


def merge(into, lead):
    merge_leads(into_id=into.pk, lead_id=lead.pk, actor="test")


def listed(response):
    assert response.status_code == 200
    return [row.lead for row in response.context["rows"]]


def told(response):
    return [str(message) for message in response.context["messages"]]


@pytest.fixture
def pair():
    """Two leads, two contacts of each, and a conflict between them."""
    one = LeadFactory(external_id="one", name="Demo lead 1")
    other = LeadFactory(external_id=None, email="two@example.com", name="Demo lead 2")
    for lead in (one, other):
        WaitingContactFactory.create_batch(2, lead=lead)
    LeadConflict.objects.create(lead=one, other_lead=other, key="email")
    return one, other


# Who gets in ----------------------------------------------------------------------------------


def addresses(pair):
    return [LIST, page_of(pair[0]), DUPLICATES, merge_page(*pair)]


def test_sends_visitors_to_the_sign_in_page(client, pair):
    for address in addresses(pair):
        assert client.get(address).url.startswith(reverse("login"))


def test_refuses_who_has_no_role(pair):
    nobody = sign_in()
    assert {nobody.get(address).status_code for address in addresses(pair)} == {403}


def test_a_viewer_looks_and_changes_nothing(viewer, pair):
    one, other = pair
    *looks, merging = addresses(pair)
    for address in looks:
        page = viewer.get(address)
        assert "Demo lead 1" in page.content.decode()
        assert 'method="post" action="/leads' not in page.content.decode()
    assert viewer.get(merging).status_code == 403
    assert viewer.post(page_of(one), {"with_lead": "#2"}).status_code == 403
    posts = {
        merging: {"expected": preview_merge(into_id=one.pk, lead_id=other.pk).stamp},
        page_of(one): {"name": "New", "shown": "Demo lead 1"},
        DUPLICATES: {"lead": one.pk, "other": other.pk},
    }
    assert {viewer.post(url, data).status_code for url, data in posts.items()} == {403}
    assert set(Lead.objects.values_list("name", "merged_into")) == {
        ("Demo lead 1", None),
        ("Demo lead 2", None),
    }
    assert LeadConflict.objects.get().resolved_at is None


def test_answers_other_methods_with_405(supervisor, pair):
    for address in addresses(pair):
        assert supervisor.delete(address).status_code == 405


@pytest.mark.parametrize("number", [404, MAX_ID, MAX_ID + 1, 10**30])
def test_answers_404_for_a_lead_that_is_not_there(supervisor, pair, number):
    there = pair[0].pk
    assert supervisor.get(f"/leads/{number}/").status_code == 404
    assert supervisor.post(f"/leads/{number}/", {"name": "x"}).status_code == 404
    for path in (f"/leads/{number}/merge/{there}/", f"/leads/{there}/merge/{number}/"):
        assert supervisor.get(path).status_code == 404
        assert supervisor.post(path, {"expected": ""}).status_code == 404


# The list -------------------------------------------------------------------------------------


def test_lists_the_newest_first_with_keys_and_contacts(supervisor, pair):
    one, other = pair
    page = supervisor.get(LIST)
    assert listed(page) == [other, one]
    row = page.context["rows"][0]
    newest = other.contacts.latest("pk")
    assert (row.contacts, row.last_at, row.is_suspect) == (2, newest.created_at, True)
    text = page.content.decode()
    assert "two@example.com" in text
    assert text.count("possible duplicate") == 2
    assert page.context["pairs"] == 1


def test_counts_a_pair_once_and_only_while_it_is_open(viewer, pair):
    one, other = pair
    LeadConflict.objects.create(lead=other, other_lead=one, key="phone")
    assert viewer.get(LIST).context["pairs"] == 1
    tell_apart(lead_id=one.pk, other_id=other.pk, actor="test")
    page = viewer.get(LIST)
    assert page.context["pairs"] == 0
    assert DUPLICATES not in page.content.decode()


@pytest.mark.parametrize(
    "wanted",
    ["tg-\u00e9", " TG-E\u0301 ", "A@Example.com", PHONE, "020 7946 0123", "#{pk}", "{pk}"],
)
def test_finds_a_lead_by_any_key_or_its_number(viewer, settings, wanted):
    settings.PHONE_REGION = "GB"
    lead = LeadFactory(external_id="tg-\u00e9", email="a@example.com", phone=PHONE)
    LeadFactory()
    assert listed(viewer.get(LIST, {"q": wanted.format(pk=lead.pk)}, follow=True)) == [lead]


@pytest.mark.parametrize("wanted", ["tg", "a@example.co", "#0", f"#{10**30}", "a\0", "x" * 301])
def test_finds_nobody_by_parts_or_nonsense(viewer, wanted):
    LeadFactory(external_id="tg-1", email="a@example.com")
    page = viewer.get(LIST, {"q": wanted}, follow=True)
    assert listed(page) == []
    assert "Nobody is known by that." in page.content.decode()


def test_a_merged_lead_is_found_and_says_whom_it_leads_to(viewer, pair):
    one, other = pair
    merge(one, other)
    page = viewer.get(LIST, {"q": "two@example.com"}, follow=True)
    assert listed(page) == [other]
    assert f"merged into #{one.pk}" in page.content.decode()


def test_leafs_through_the_list_and_ignores_nonsense(viewer):
    leads = LeadFactory.create_batch(60)[::-1]
    first = viewer.get(LIST)
    assert listed(first) == leads[:50]
    second = viewer.get(LIST + first.context["page"].older)
    assert listed(second) == leads[50:]
    assert listed(viewer.get(LIST + second.context["page"].newer)) == leads[:50]
    for nonsense in ("x", "-1", str(10**30)):
        assert listed(viewer.get(LIST, {"before": nonsense})) == leads[:50]


# One lead -------------------------------------------------------------------------------------


def test_shows_all_keys_contacts_and_what_was_changed(supervisor, pair):
    one, other = pair
    contact = AssignedContactFactory(lead=one, message="Please call me back.")
    merge(one, other)
    page = supervisor.get(page_of(one))
    text = page.content.decode()
    for shown in ("two@example.com", f"of #{other.pk}", "Please call me back.", "Merged leads"):
        assert shown in text
    assert [key.value for key in page.context["facts"].keys] == ["one", "two@example.com"]
    assert page.context["facts"].contacts == 5
    assert page.context["page"].rows[0] == contact


def test_a_merged_lead_says_where_it_went(supervisor, pair):
    one, other = pair
    merge(one, other)
    page = supervisor.get(page_of(other))
    text = page.content.decode()
    assert f"This lead turned out to be #{one.pk}" in text
    assert f'href="{page_of(one)}"' in text
    assert "Merge with another lead" not in text


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_renames_a_lead_and_offers_to_undo_it(supervisor, pair, headers):
    one, _other = pair
    data = {"name": " New name ", "shown": "Demo lead 1"}
    page = supervisor.post(page_of(one), data, headers=headers, follow=True)
    one.refresh_from_db()
    assert one.name == "New name"
    [message] = page.context["messages"]
    assert str(message) == "The name is changed."
    assert "&quot;shown&quot;: &quot;New name&quot;" in page.content.decode() or (
        'name="shown" value="New name"' in page.content.decode()
    )
    event = AuditEvent.objects.get(object_type="lead")
    assert (event.actor, event.after) == (f"user:{supervisor.user.pk}", {"renamed": True})
    supervisor.post(page_of(one), {"name": "Demo lead 1", "shown": "New name"})
    one.refresh_from_db()
    assert one.name == "Demo lead 1"


@pytest.mark.parametrize(
    ("name", "shown", "status"),
    [
        ("x" * 121, "Demo lead 1", 422),
        ("a\u202eb", "Demo lead 1", 422),
        ("\u200b", "Demo lead 1", 422),
        ("New", "Another name", 409),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_shows_a_refused_name_where_it_was_typed(supervisor, pair, name, shown, status, headers):
    one, _other = pair
    page = supervisor.post(page_of(one), {"name": name, "shown": shown}, headers=headers)
    assert page.status_code == status
    assert page.context["name_form"]["name"].value() == name
    assert page.context["name_form"].errors["name"]
    one.refresh_from_db()
    assert one.name == "Demo lead 1"


def test_leads_on_from_a_typed_key_to_the_preview(supervisor, pair):
    one, other = pair
    for typed in ("TWO@example.com", f"#{other.pk}"):
        answer = supervisor.post(page_of(one), {"with_lead": typed})
        assert answer.url == merge_page(one, other)
    third = LeadFactory()
    merge(third, other)  # whose keys lead to the third one now
    answer = supervisor.post(page_of(one), {"with_lead": "two@example.com"})
    assert answer.url == merge_page(one, third)


def test_says_whom_a_typed_key_does_not_mean(supervisor, pair):
    one, other = pair
    namesake = LeadFactory(external_id=f"{other.pk}")
    refused = {
        "nobody": "Nobody is known by that.",
        "one": "That is this lead itself.",
        f"{other.pk}": f"That means several leads: #{other.pk}, #{namesake.pk}.",
        "": "This field is required.",
        "a\0": "Null characters are not allowed.",
    }
    for typed, error in refused.items():
        page = supervisor.post(page_of(one), {"with_lead": typed})
        assert page.status_code == 422
        assert error in page.context["other_form"].errors["with_lead"][0]
        assert page.context["other_form"]["with_lead"].value() == typed


# Possible duplicates --------------------------------------------------------------------------


def test_shows_each_pair_once_with_the_key_that_both_claim(viewer, pair):
    one, other = pair
    LeadConflict.objects.create(lead=other, other_lead=one, key="phone")
    Lead.objects.filter(pk=one.pk).update(phone=PHONE)
    page = viewer.get(DUPLICATES)
    [shown] = page.context["pairs"]
    claims = [
        (claim.lead, claim.owner, [key.value for key in claim.keys]) for claim in shown.claims
    ]
    assert claims == [(one, other, ["two@example.com"]), (other, one, [PHONE])]
    assert {facts.contacts for facts in (shown.first, shown.second)} == {2}
    on_its_own_page = viewer.get(page_of(other)).context["pairs"]
    assert [(pair.first.lead, pair.second.lead) for pair in on_its_own_page] == [(one, other)]


def test_a_key_that_leads_to_one_of_them_through_a_merge_is_shown(viewer, pair):
    _one, other = pair
    root = LeadFactory()
    merge(root, other)
    [shown] = viewer.get(DUPLICATES).context["pairs"]
    [claim] = shown.claims
    assert claim.owner == root
    assert [(key.value, key.lead) for key in claim.keys] == [("two@example.com", other)]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_tells_two_apart_and_takes_it_back(supervisor, pair, headers):
    one, other = pair
    data = {"lead": one.pk, "other": other.pk, "next": page_of(one)}
    page = supervisor.post(DUPLICATES, data, headers=headers, follow=True)
    assert page.redirect_chain == [(page_of(one), 302)]
    assert told(page) == [f"#{one.pk} and #{other.pk} are two persons."]
    assert LeadConflict.objects.get().resolved_at is not None
    assert supervisor.get(DUPLICATES).context["pairs"] == []
    again = supervisor.post(DUPLICATES, data | {"again": "1"}, headers=headers, follow=True)
    assert told(again) == [f"#{one.pk} and #{other.pk} are possible duplicates again."]
    assert LeadConflict.objects.get().resolved_at is None
    actors = AuditEvent.objects.filter(object_type="lead").values_list("actor", flat=True)
    assert list(actors) == [f"user:{supervisor.user.pk}"] * 4


def test_says_when_there_is_nothing_to_tell_apart(supervisor, pair):
    one, other = pair
    data = {"lead": other.pk, "other": one.pk}
    supervisor.post(DUPLICATES, data)
    page = supervisor.post(DUPLICATES, data, follow=True)
    assert told(page)[-1] == "Nothing to change: it is so already."
    merge(one, other)
    page = supervisor.post(DUPLICATES, data, follow=True)
    assert told(page) == [f"Lead #{other.pk} was merged into #{one.pk} already."]


@pytest.mark.parametrize("data", [{}, {"lead": "x", "other": "1"}, {"lead": 1, "other": 10**30}])
def test_refuses_a_pair_that_is_none(supervisor, pair, data):
    page = supervisor.post(DUPLICATES, data)
    assert page.status_code == 422
    assert told(page) == ["It is not clear which leads are meant."]
    assert len(page.context["pairs"]) == 1
    missing = {"lead": pair[0].pk, "other": pair[1].pk + 1000}
    assert supervisor.post(DUPLICATES, missing).status_code == 404


# Merging --------------------------------------------------------------------------------------


def stamp_on(page):
    return page.context["merging"].stamp


def test_the_preview_says_what_will_happen_and_changes_nothing(supervisor, pair):
    one, other = pair
    page = supervisor.get(merge_page(one, other))
    text = page.content.decode()
    assert f"2 contacts go to #{one.pk}, who then has 4." in text
    assert [(key.value, key.leads_to) for key in page.context["keys"]] == [
        ("one", one.pk),
        ("two@example.com", other.pk),
    ]
    assert text.count(f'<td data-label="then to">#{one.pk}</td>') == 2
    assert f'name="expected" value="{stamp_on(page)}"' in text
    assert not Lead.objects.exclude(merged_into=None).exists()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
@pytest.mark.parametrize("back", ["/leads/duplicates/?before=9", "/leads/2/", "//example.com/"])
def test_merges_as_previewed(supervisor, pair, headers, back):
    one, other = pair
    stamp = stamp_on(supervisor.get(merge_page(one, other), headers=headers))
    data = {"expected": stamp, "next": back}
    page = supervisor.post(merge_page(one, other), data, headers=headers, follow=True)
    goes_to = back if back.startswith(DUPLICATES) else page_of(one)
    assert page.redirect_chain == [(goes_to, 302)]
    numbers = f"#{other.pk} is merged into #{one.pk}. Contacts that went there: 2."
    assert told(page) == [numbers]
    other.refresh_from_db()
    assert other.merged_into == one
    assert one.contacts.count() == 4


@pytest.mark.parametrize("expected", [None, "", "outdated"])
def test_previews_anew_when_more_came_in_meanwhile(supervisor, pair, expected):
    one, other = pair
    stamp = stamp_on(supervisor.get(merge_page(one, other)))
    WaitingContactFactory(lead=other)
    data = {} if expected is None else {"expected": expected and stamp}
    page = supervisor.post(merge_page(one, other), data)
    assert page.status_code == 409
    assert "Look at them again." in page.content.decode()
    assert page.context["merging"].lead_contacts == 3
    assert not Lead.objects.exclude(merged_into=None).exists()
    supervisor.post(merge_page(one, other), {"expected": stamp_on(page)})
    assert one.contacts.count() == 5


def test_says_when_somebody_was_faster(supervisor, pair):
    one, other = pair
    stamp = stamp_on(supervisor.get(merge_page(one, other)))
    merge(one, other)
    for answer in (
        supervisor.post(merge_page(one, other), {"expected": stamp}),
        supervisor.get(merge_page(one, other)),
    ):
        assert answer.status_code == 409
        assert f"Lead #{other.pk} was merged into #{one.pk} already." in answer.content.decode()
    assert AuditEvent.objects.filter(object_type="lead").count() == 2


def test_nobody_is_merged_with_themselves(supervisor, pair):
    one, _other = pair
    assert supervisor.get(merge_page(one, one)).status_code == 404
    assert supervisor.post(merge_page(one, one), {"expected": "0-0_0-0"}).status_code == 404


# What it costs --------------------------------------------------------------------------------


def queries_of(client, address):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def grow(count):
    """Add so many suspect, merged and ordinary leads, all of them in pairs with the first one."""
    root = Lead.objects.order_by("pk").first() or LeadFactory()
    for _ in range(count):
        other = LeadFactory(email=f"{Lead.objects.count()}@example.com")
        WaitingContactFactory(lead=other)
        AssignedContactFactory(lead=root)
        LeadConflict.objects.create(lead=root, other_lead=other, key="email")
        merge(other, LeadFactory())
    return root


def test_no_page_asks_more_for_more_rows(supervisor):
    root = grow(7)
    pair = root, LeadFactory()
    before = [queries_of(supervisor, address) for address in addresses(pair)]
    grow(53)
    after = [queries_of(supervisor, address) for address in addresses(pair)]
    assert after == before
    assert max(after) <= 22
