"""What a key may do: bound to a source or to none, with the right to manage or without."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction

from distribution.keys import authenticate, create_api_key, revoke_api_key
from distribution.models import ApiKey
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory, make_key
from leads.models import Contact
from leads.tests.factories import WaitingContactFactory
from minicrm.tests.client import Api, api_with_key, refusal

pytestmark = pytest.mark.django_db

START = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def source():
    return SourceFactory()


@pytest.fixture
def bound(source):
    """A caller whose key is for the contacts of `source`."""
    return api_with_key(source=source)


# What is stored -------------------------------------------------------------------------------


def test_only_a_prefix_and_a_hash_are_stored():
    key, token = create_api_key(name="Bot", actor="test")
    stored = " ".join(str(value) for value in ApiKey.objects.values_list().get())
    secret = token.removeprefix(f"mcrm_{key.prefix}_")
    assert len(secret) == 43
    assert secret not in stored
    assert token not in stored
    assert len(key.digest) == 64


def test_each_key_is_another():
    tokens = {make_key() for _ in range(20)}
    assert len(tokens) == 20
    assert len({token[-43:] for token in tokens}) == 20


# Bound to one source --------------------------------------------------------------------------


@pytest.mark.parametrize("named", [False, True])
def test_bound_key_posts_to_its_source_named_or_not(bound, source, named):
    body = {"external_id": "a"} | ({"source_id": source.pk} if named else {})
    assert bound.post("contacts/", body).json()["source_id"] == source.pk


def test_other_source_is_none_of_a_bound_keys_business(bound):
    other = SourceFactory()
    foreign = bound.post("contacts/", {"external_id": "a", "source_id": other.pk})
    missing = bound.post("contacts/", {"external_id": "a", "source_id": 77_777})
    expected = (404, "source_not_found", {"source_id": "source_not_found"})
    assert refusal(foreign) == refusal(missing) == expected
    assert not Contact.objects.exists()


def test_bound_key_reads_its_own_contacts_only(bound, source):
    own = WaitingContactFactory(source=source)
    other = WaitingContactFactory(lead=own.lead)
    assert [contact["id"] for contact in bound.get("contacts/").json()] == [own.pk]
    assert bound.get(f"contacts/?lead_id={own.lead_id}&source_id={other.source_id}").json() == []
    assert bound.get(f"contacts/{own.pk}").json()["id"] == own.pk
    assert refusal(bound.get(f"contacts/{other.pk}")) == (404, "contact_not_found", {})


def test_bound_key_sees_nothing_but_contacts(bound, source):
    operator = OperatorFactory()
    lead = WaitingContactFactory(source=source).lead
    for path in [
        "operators/", f"operators/{operator.pk}", "sources/", f"sources/{source.pk}",
        f"sources/{source.pk}/weights/", "operator-sources/", "leads/", f"leads/{lead.pk}",
        "operators/77777", "leads/77777",
    ]:  # fmt: skip
        assert refusal(bound.get(path)) == (403, "key_bound_to_source", {}), path
    assert refusal(bound.post("operators/", {"name": "x"})) == (403, "key_bound_to_source", {})


def test_key_for_all_sources_must_name_one():
    api = api_with_key()
    expected = (422, "required", {"source_id": "required"})
    assert refusal(api.post("contacts/", {"external_id": "a"})) == expected
    assert refusal(api.post("contacts/", {"external_id": "a", "source_id": None})) == expected


# The right to manage --------------------------------------------------------------------------


def test_key_without_the_right_reads_what_it_may_not_change():
    weight = WeightFactory()
    api = api_with_key()
    assert [row["id"] for row in api.get("operator-sources/").json()] == [weight.pk]
    changed = api.patch(f"operator-sources/{weight.pk}", {"weight": 9})
    assert refusal(changed) == (403, "key_may_not_manage", {})
    managing = api_with_key(can_manage=True)
    changed = managing.patch(f"operator-sources/{weight.pk}", {"weight": 9})
    assert changed.json()["weight"] == 9


# Rotation -------------------------------------------------------------------------------------


def test_two_keys_of_a_source_live_side_by_side_until_one_is_revoked(source):
    old_key, old = create_api_key(name="Old", source=source, actor="test")
    new = make_key(source=source)
    contact = Api(old).post("contacts/", {"external_id": "a"}).json()
    assert Api(new).get(f"contacts/{contact['id']}").json()["id"] == contact["id"]
    revoke_api_key(old_key, actor="test")
    assert refusal(Api(old).get("contacts/")) == (401, "unauthorized", {})
    assert Api(new).get(f"contacts/{contact['id']}").json()["id"] == contact["id"]


def test_revoking_again_keeps_the_first_moment():
    key, _ = create_api_key(name="Bot", actor="test")
    with time_machine.travel(START, tick=False):
        revoke_api_key(key, actor="test")
    revoke_api_key(key, actor="test")
    key.refresh_from_db()
    assert key.revoked_at == START


# Last use -------------------------------------------------------------------------------------


def test_last_use_is_written_once_a_minute(django_assert_num_queries):
    """The look alone, or with it the note, in a transaction: here that is a savepoint."""
    key, token = create_api_key(name="Bot", actor="test")

    def last_use_after(seconds, *, queries):
        moment = START + timedelta(seconds=seconds)
        with time_machine.travel(moment, tick=False), django_assert_num_queries(queries):
            assert authenticate(token) == key
        return ApiKey.objects.get().last_used_at - START

    assert last_use_after(0, queries=4) == timedelta(0)
    assert last_use_after(1, queries=1) == timedelta(0)
    assert last_use_after(59, queries=1) == timedelta(0)
    assert last_use_after(60, queries=4) == timedelta(seconds=60)
    assert last_use_after(119, queries=1) == timedelta(seconds=60)


def test_refused_key_leaves_no_trace():
    key, token = create_api_key(name="Bot", actor="test")
    Api(token[:-1]).get("sources/")
    revoke_api_key(key, actor="test")
    Api(token).get("sources/")
    assert ApiKey.objects.get().last_used_at is None


def test_a_managing_key_cannot_be_bound_to_a_source(source):
    with pytest.raises(IntegrityError), transaction.atomic():
        create_api_key(name="Both", source=source, can_manage=True, actor="test")
    assert not ApiKey.objects.filter(name="Both").exists()
