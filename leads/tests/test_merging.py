"""Two leads that turn out to be one person."""

import pytest

from distribution.models import AuditEvent
from distribution.tests.factories import WeightFactory
from leads.identity import LeadKeys
from leads.models import Contact, Lead, LeadConflict
from leads.services import (
    ContactRequest,
    identification,
    merge_leads,
    merging,
    preview_merge,
    register_contact,
    rename_lead,
    suspect_again,
    tell_apart,
)
from leads.services.identification import identify_lead
from leads.tests.factories import LeadFactory, WaitingContactFactory
from minicrm.errors import Conflict, Invalid, NotFound

pytestmark = pytest.mark.django_db

PHONE = "+442079460123"


def merge(into, lead, **kwargs):
    merged = merge_leads(into_id=into.pk, lead_id=lead.pk, actor="user:7", **kwargs)
    into.refresh_from_db()
    lead.refresh_from_db()
    return merged


def events(lead):
    found = AuditEvent.objects.filter(object_type="lead", object_id=lead.pk).order_by("pk")
    return [(event.actor, event.before, event.after) for event in found]


# What a merge does ----------------------------------------------------------------------------


def test_gives_all_contacts_to_one_lead_and_keeps_the_other_with_its_keys():
    into, lead = LeadFactory(email="a@example.com"), LeadFactory(external_id="b", phone=PHONE)
    own = WaitingContactFactory(lead=into)
    contacts = WaitingContactFactory.create_batch(3, lead=lead)
    assert merge(into, lead).contacts == 3
    assert set(into.contacts.all()) == {own, *contacts}
    assert (lead.merged_into, lead.external_id, lead.phone) == (into, "b", PHONE)
    assert (into.email, into.phone, into.merged_into) == ("a@example.com", None, None)
    assert set(Contact.objects.values_list("version", flat=True)) == {1}


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_moves_long_histories_in_several_statements(monkeypatch, batch):
    monkeypatch.setattr(merging, "BATCH", batch)
    into, lead, other = LeadFactory.create_batch(3)
    for _ in range(5):
        WaitingContactFactory(lead=lead)
        WaitingContactFactory(lead=other)  # between those that move
    assert merge(into, lead).contacts == 5
    assert (into.contacts.count(), other.contacts.count()) == (5, 5)


def test_points_on_what_was_merged_before():
    first, second, third = LeadFactory.create_batch(3)
    merge(second, first)
    merge(third, second)
    first.refresh_from_db()
    assert (first.merged_into, second.merged_into, third.merged_into) == (third, third, None)


@pytest.mark.parametrize(
    ("into_name", "expected"), [("", "B. Lead"), ("A. Lead", "A. Lead")], ids=["blank", "own"]
)
def test_fills_in_a_blank_name(into_name, expected):
    into, lead = LeadFactory(name=into_name), LeadFactory(name="B. Lead")
    merge(into, lead)
    assert (into.name, lead.name) == (expected, "B. Lead")


def test_records_numbers_and_nothing_personal_for_each_of_the_two():
    into, lead, earlier = (LeadFactory(name="A. Lead", email=f"{n}@example.com") for n in range(3))
    WaitingContactFactory(lead=into)
    WaitingContactFactory.create_batch(2, lead=lead)
    merge(lead, earlier)
    merge(into, lead)
    assert events(into) == [
        (
            "user:7",
            {"contacts": 1, "merged": []},
            {"contacts": 3, "merged": [lead.pk, earlier.pk]},
        )
    ]
    assert events(lead)[-1] == (
        "user:7",
        {"contacts": 2, "merged_into": None},
        {"contacts": 0, "merged_into": into.pk},
    )
    recorded = [
        f"{event.object_name}{event.before}{event.after}" for event in AuditEvent.objects.all()
    ]
    assert not [text for text in recorded if "example.com" in text or "A. Lead" in text]


def test_a_preview_says_what_would_happen_and_changes_nothing():
    into, lead, earlier = LeadFactory.create_batch(3)
    merge(lead, earlier)
    WaitingContactFactory.create_batch(2, lead=lead)
    preview = preview_merge(into_id=into.pk, lead_id=lead.pk)
    assert (preview.into_contacts, preview.lead_contacts) == (0, 2)
    assert (preview.into_merged, preview.lead_merged) == ([], [earlier])
    assert Lead.objects.get(pk=lead.pk).merged_into is None


# Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", [merge_leads, preview_merge])
def test_refuses_what_cannot_be_merged(service):
    actor = {"actor": "test"} if service is merge_leads else {}
    lead, merged = LeadFactory.create_batch(2)
    merge(lead, merged)
    other = LeadFactory()
    with pytest.raises(Invalid, match="one and the same"):
        service(into_id=lead.pk, lead_id=lead.pk, **actor)
    for pair in ((lead, merged), (merged, other), (other, merged)):
        with pytest.raises(Conflict) as refused:
            service(into_id=pair[0].pk, lead_id=pair[1].pk, **actor)
        assert refused.value.code == "lead_merged"
        assert refused.value.present == {"id": merged.pk, "merged_into_id": lead.pk}
    with pytest.raises(NotFound):
        service(into_id=lead.pk, lead_id=other.pk + 1, **actor)
    assert other.merged_into is None


@pytest.mark.parametrize("side", ["into", "lead"])
@pytest.mark.parametrize("change", ["contact", "merge"])
def test_refuses_when_there_is_more_than_the_caller_saw(side, change):
    leads = {"into": LeadFactory(), "lead": LeadFactory()}
    seen = preview_merge(into_id=leads["into"].pk, lead_id=leads["lead"].pk).stamp
    if change == "contact":
        WaitingContactFactory(lead=leads[side])
    else:
        merge(leads[side], LeadFactory())
    with pytest.raises(Conflict) as refused:
        merge(leads["into"], leads["lead"], expected=seen)
    assert refused.value.code == "leads_changed"
    assert Lead.objects.get(pk=leads["lead"].pk).merged_into is None
    now = preview_merge(into_id=leads["into"].pk, lead_id=leads["lead"].pk).stamp
    merge(leads["into"], leads["lead"], expected=now)
    assert leads["lead"].merged_into == leads["into"]


# Who comes afterwards -------------------------------------------------------------------------


@pytest.fixture
def pair():
    """A lead, and one that was merged into it."""
    into = LeadFactory(external_id="a")
    lead = LeadFactory(external_id="b", email="b@example.com")
    merge(into, lead)
    return into, lead


@pytest.mark.parametrize("steps", [1, 2])
def test_a_contact_with_a_merged_leads_key_goes_to_the_lead_it_leads_to(pair, steps):
    root, _lead = pair
    if steps == 2:
        root, earlier = LeadFactory(), root
        merge(root, earlier)
    source = WeightFactory().source
    request = ContactRequest(source.pk, email="B@example.com", name="Later")
    receipt = register_contact(request, actor="test").receipt
    assert receipt["lead_id"] == root.pk
    assert Contact.objects.get().lead == root
    root.refresh_from_db()
    assert root.name == "Later"
    assert not LeadConflict.objects.exists()


def test_missing_keys_are_filled_in_where_a_merged_lead_leads_to(pair):
    into, lead = pair
    identify_lead(LeadKeys(email="b@example.com", phone=PHONE))
    into.refresh_from_db()
    lead.refresh_from_db()
    assert (into.phone, lead.phone) == (PHONE, None)
    assert (into.email, lead.email) == (None, "b@example.com")


def test_keys_of_a_lead_and_of_its_own_merged_ones_are_no_conflict(pair):
    into, _lead = pair
    found = identify_lead(LeadKeys(external_id="a", email="b@example.com"))
    assert found.lead == into
    assert not LeadConflict.objects.exists()


def test_a_conflict_is_noted_between_those_whom_the_keys_lead_to(pair):
    into, _lead = pair
    other, also_other = LeadFactory(external_id="c"), LeadFactory(external_id=None, phone=PHONE)
    merge(other, also_other)
    found = identify_lead(LeadKeys(email="b@example.com", phone=PHONE))
    assert found.lead == into
    conflict = LeadConflict.objects.get()
    assert (conflict.lead, conflict.other_lead, conflict.key) == (into, other, "phone")


def test_who_is_led_elsewhere_locks_all_rows_anew_in_one_walk(pair, monkeypatch):
    into, _lead = pair

    looks = []
    real = identification._owners

    def owners(keys, roots):
        looks.append(set(roots))
        return real(keys, roots)

    monkeypatch.setattr(identification, "_owners", owners)
    assert identify_lead(LeadKeys(email="b@example.com")).lead == into
    assert looks == [set(), {into.pk}]


# Possible duplicates --------------------------------------------------------------------------


def conflict(lead, other, key="email", **kwargs):
    return LeadConflict.objects.create(lead=lead, other_lead=other, key=key, **kwargs)


def unresolved():
    found = LeadConflict.objects.filter(resolved_at=None)
    return set(found.values_list("lead", "other_lead", "key"))


def test_a_merge_resolves_the_conflicts_between_the_two():
    into, lead, third = LeadFactory.create_batch(3)
    conflict(into, lead)
    conflict(lead, into, "phone")
    conflict(third, into)
    merge(into, lead)
    assert unresolved() == {(third.pk, into.pk, "email")}
    assert LeadConflict.objects.count() == 3


def test_a_merge_hands_on_the_conflicts_with_others():
    into, lead, third, fourth = LeadFactory.create_batch(4)
    conflict(lead, third)
    conflict(fourth, lead, "phone")
    conflict(into, fourth)
    merge(into, lead)
    assert unresolved() == {
        (into.pk, third.pk, "email"),
        (fourth.pk, into.pk, "phone"),
        (into.pk, fourth.pk, "email"),
    }


def test_a_merge_hands_on_no_conflict_that_is_known_already():
    into, lead, third = LeadFactory.create_batch(3)
    conflict(into, third)
    tell_apart(lead_id=third.pk, other_id=into.pk, actor="test")
    conflict(lead, third)
    merge(into, lead)
    assert unresolved() == set()


def test_two_persons_are_told_apart_and_that_can_be_taken_back():
    lead, other, third = LeadFactory.create_batch(3)
    conflict(lead, other)
    conflict(other, lead, "phone")
    conflict(lead, third)
    pair = {"lead_id": other.pk, "other_id": lead.pk, "actor": "user:7"}
    assert tell_apart(**pair) == 2
    assert unresolved() == {(lead.pk, third.pk, "email")}
    assert tell_apart(**pair) == 0  # and is not recorded again
    assert suspect_again(**pair) == 2
    assert len(unresolved()) == 3
    for one, another in ((lead, other), (other, lead)):
        with_, without = {"possible_duplicates": [another.pk]}, {"possible_duplicates": []}
        assert events(one) == [("user:7", with_, without), ("user:7", without, with_)]
    # A known conflict that somebody has looked into does not come back by itself.
    tell_apart(**pair)
    lead.external_id, other.email = "a", "b@example.com"
    lead.save()
    other.save()
    identify_lead(LeadKeys(external_id="a", email="b@example.com"))
    assert unresolved() == {(lead.pk, third.pk, "email")}


@pytest.mark.parametrize("service", [tell_apart, suspect_again])
def test_nothing_is_said_of_a_lead_that_is_merged_or_missing(service, pair):
    into, lead = pair
    with pytest.raises(Conflict):
        service(lead_id=into.pk, other_id=lead.pk, actor="test")
    with pytest.raises(NotFound):
        service(lead_id=into.pk, other_id=lead.pk + 1000, actor="test")
    with pytest.raises(Invalid):
        service(lead_id=into.pk, other_id=into.pk, actor="test")
    assert len(events(into)) == 1  # the merge


# Names ----------------------------------------------------------------------------------------


def test_renames_a_lead_and_records_only_that():
    lead = LeadFactory(name="Old")
    assert rename_lead(lead.pk, name="  New ", shown="Old", actor="user:7")
    assert not rename_lead(lead.pk, name="New", shown="Old", actor="user:7")
    lead.refresh_from_db()
    assert lead.name == "New"
    assert events(lead) == [("user:7", {"renamed": False}, {"renamed": True})]


@pytest.mark.parametrize(
    ("name", "shown", "error"),
    [("New", "Other", Conflict), ("a\0", "Old", Invalid), ("x" * 121, "Old", Invalid)],
)
def test_refuses_a_name_that_overwrites_anothers_or_will_not_do(name, shown, error):
    lead = LeadFactory(name="Old")
    with pytest.raises(error):
        rename_lead(lead.pk, name=name, shown=shown, actor="test")
    assert Lead.objects.get().name == "Old"
    assert events(lead) == []


def test_a_lead_that_is_not_there_has_no_name():
    with pytest.raises(NotFound):
        rename_lead(404, name="New", shown="", actor="test")
