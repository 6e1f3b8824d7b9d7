"""The record of who changed what: written with the change, and never changed afterwards."""

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from distribution.audit import actor_names, differences, record
from distribution.keys import (
    create_api_key,
    delete_api_keys_of,
    rename_api_key,
    revoke_api_key,
)
from distribution.models import ApiKey, AppendOnly, AuditEvent
from distribution.rights import create_administrator
from distribution.tests.factories import SourceFactory
from minicrm.errors import NotFound
from minicrm.transactions import retried

pytestmark = pytest.mark.django_db


def note(**kwargs):
    facts = {
        "actor": "test", "action": "changed", "obj_type": "operator", "object_id": 7,
        "object_name": "Demo operator", "before": {"max_load": 1}, "after": {"max_load": 2},
    }  # fmt: skip
    record(**facts | kwargs)
    return AuditEvent.objects.first()


def told(event):
    return event.actor, event.action, event.object_type, event.object_id, event.object_name


# Written with the change ----------------------------------------------------------------------


def test_records_who_did_what_to_what():
    event = note(actor="user:5")

    assert told(event) == ("user:5", "changed", "operator", 7, "Demo operator")
    assert (event.before, event.after) == ({"max_load": 1}, {"max_load": 2})
    assert event.at is not None


def test_a_change_that_changes_nothing_is_not_recorded():
    note(before={"max_load": 1}, after={"max_load": 1})

    assert not AuditEvent.objects.exists()


def test_a_deletion_of_something_without_facts_is_recorded():
    assert note(action="deleted", before=None, after=None).action == "deleted"


@pytest.mark.parametrize("wrong", [{"action": "eaten"}, {"obj_type": "cake"}])
def test_refuses_actions_and_kinds_it_does_not_know(wrong):
    with pytest.raises(ValueError, match="is not a valid"):
        note(**wrong)
    assert not AuditEvent.objects.exists()


def test_somebody_must_have_done_it():
    with pytest.raises(IntegrityError), transaction.atomic():
        note(actor="")


def test_a_very_long_name_is_cut():
    assert note(object_name="x" * 500).object_name == "x" * 300


@pytest.mark.django_db(transaction=True)
def test_is_not_written_outside_a_transaction():
    with pytest.raises(transaction.TransactionManagementError, match="belongs into"):
        note()
    assert not AuditEvent.objects.exists()


class Failed(Exception):
    pass


@pytest.mark.django_db(transaction=True)
def test_a_change_that_fails_after_the_record_leaves_neither():
    @retried
    def create_and_fail():
        create_api_key(name="Bot", actor="test")
        assert AuditEvent.objects.exists()
        raise Failed

    with pytest.raises(Failed):
        create_and_fail()

    assert not AuditEvent.objects.exists()
    assert not ApiKey.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", ["create", "rename", "revoke", "delete"])
def test_a_change_of_a_key_that_cannot_be_recorded_is_not_made(change, monkeypatch):
    source = SourceFactory()
    key, _ = create_api_key(name="Bot", source=source, actor="test")
    stored = list(ApiKey.objects.values())

    def fail(**kwargs):
        raise Failed

    monkeypatch.setattr("distribution.keys.record", fail)
    changes = {
        "create": lambda: create_api_key(name="Other", actor="test"),
        "rename": lambda: rename_api_key(key, name="Other", actor="test"),
        "revoke": lambda: revoke_api_key(key, actor="test"),
        "delete": lambda: delete_api_keys_of(source.pk, actor="test"),
    }
    with pytest.raises(Failed):
        changes[change]()

    assert list(ApiKey.objects.values()) == stored


# Append-only ----------------------------------------------------------------------------------


def changed_by_save(event):
    event.actor = "user:2"
    event.save()


def changed_by_a_new_object(event):
    AuditEvent(pk=event.pk, actor="user:2", object_id=1).save()


def changed_by_bulk_update(event):
    event.actor = "user:2"
    AuditEvent.objects.bulk_update([event], ["actor"])


def changed_by_conflict(event):
    other = AuditEvent(pk=event.pk, actor="user:2", object_id=1)
    AuditEvent.objects.bulk_create(
        [other], update_conflicts=True, unique_fields=["id"], update_fields=["actor"]
    )


ATTEMPTS = {
    "save": changed_by_save,
    "save with fields": lambda event: event.save(update_fields=["actor"]),
    "update": lambda event: AuditEvent.objects.update(actor="user:2"),
    "update around the manager": lambda event: AuditEvent._base_manager.update(actor="user:2"),
    "update of some": lambda event: AuditEvent.objects.filter(pk=event.pk).update(actor="x"),
    "update_or_create": lambda event: AuditEvent.objects.update_or_create(
        pk=event.pk, defaults={"actor": "user:2"}
    ),
    "bulk_update": changed_by_bulk_update,
    "bulk_create": changed_by_conflict,
    "delete": lambda event: event.delete(),
    "delete of some": lambda event: AuditEvent.objects.filter(pk=event.pk).delete(),
    "delete of all": lambda event: AuditEvent.objects.all().delete(),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_events_are_neither_changed_nor_deleted(attempt):
    stored = AuditEvent.objects.filter(pk=note(actor="user:1").pk).values().get()

    with pytest.raises(AppendOnly, match="Audit events cannot be"):
        ATTEMPTS[attempt](AuditEvent.objects.get())

    assert AuditEvent.objects.values().get() == stored


def test_a_number_given_by_hand_does_not_overwrite_an_event():
    event = note(actor="user:1")

    with pytest.raises(IntegrityError), transaction.atomic():
        changed_by_a_new_object(event)

    assert AuditEvent.objects.get().actor == "user:1"


# Keys -----------------------------------------------------------------------------------------


def test_a_new_key_is_recorded_without_its_secret():
    source = SourceFactory(name="Bot A")
    key, token = create_api_key(name="Bot", source=source, actor="user:1")

    event = AuditEvent.objects.get()
    assert told(event) == ("user:1", "created", "api_key", key.pk, f"Bot ({key.prefix})")
    assert event.before is None
    assert event.after == {
        "name": "Bot", "prefix": key.prefix, "source": "Bot A", "source_id": source.pk,
        "can_manage": False,
    }  # fmt: skip
    assert key.digest not in str(event.after)
    assert token[-43:] not in str(event.after)


def test_a_new_name_of_a_key_is_recorded_once():
    key, _ = create_api_key(name="Bot", actor="test")

    for _again in range(2):
        rename_api_key(key, name="Renamed", actor="user:1")

    event, _creation = AuditEvent.objects.all()
    assert told(event) == ("user:1", "changed", "api_key", key.pk, f"Renamed ({key.prefix})")
    assert (event.before, event.after) == ({"name": "Bot"}, {"name": "Renamed"})
    assert ApiKey.objects.get().name == "Renamed"


def test_revoking_is_recorded_once():
    key, _ = create_api_key(name="Bot", actor="test")

    for _again in range(2):
        revoke_api_key(key, actor="user:1")

    event, _creation = AuditEvent.objects.all()
    key.refresh_from_db()
    assert told(event)[:3] == ("user:1", "revoked", "api_key")
    assert event.before == {"revoked_at": None}
    assert event.after["revoked_at"][:19] == key.revoked_at.isoformat()[:19]


def test_a_key_that_is_gone_is_not_renamed():
    key, _ = create_api_key(name="Bot", actor="test")
    ApiKey.objects.all().delete()

    with pytest.raises(NotFound):
        rename_api_key(key, name="Renamed", actor="test")


def test_keys_that_go_with_their_source_are_recorded():
    source = SourceFactory()
    keys = [create_api_key(name=f"Bot {n}", source=source, actor="test")[0] for n in (1, 2)]
    other, _ = create_api_key(name="Other", actor="test")

    delete_api_keys_of(source.pk, actor="user:1")

    assert ApiKey.objects.get() == other
    deleted = AuditEvent.objects.filter(action="deleted").order_by("id")
    assert [event.object_id for event in deleted] == [key.pk for key in keys]
    assert deleted[0].before["name"] == "Bot 1"
    assert deleted[0].after is None


@pytest.mark.django_db(transaction=True)
def test_keys_of_a_source_go_all_or_none(monkeypatch):
    source = SourceFactory()
    for _ in range(2):
        create_api_key(name="Bot", source=source, actor="test")
    recorded = []

    def fail_at_the_second(**facts):
        record(**facts)
        recorded.append(facts)
        if len(recorded) == 2:
            raise Failed

    monkeypatch.setattr("distribution.keys.record", fail_at_the_second)
    with pytest.raises(Failed):
        delete_api_keys_of(source.pk, actor="test")

    assert ApiKey.objects.count() == 2
    assert not AuditEvent.objects.filter(action="deleted").exists()


def test_the_first_administrator_is_recorded_without_the_password():
    user = create_administrator(username="boss", password="made-up-password", actor="run_local")

    assert user.check_password("made-up-password")
    event = AuditEvent.objects.get()
    assert told(event) == ("run_local", "created", "user", user.pk, "boss")
    assert event.after == {
        "username": "boss", "is_active": True, "is_staff": True, "is_superuser": True,
        "groups": [], "user_permissions": [],
    }  # fmt: skip


# Read -----------------------------------------------------------------------------------------


def test_differences_are_only_what_differs():
    before = {"name": "A", "max_load": 1, "groups": ["a", "b"], "gone": 5}
    after = {"name": "A", "max_load": 2, "groups": ["b", "c"], "new": 6}

    assert differences(before, after) == [
        ("max_load", 1, 2), ("groups", ["a"], ["c"]), ("gone", 5, None), ("new", None, 6),
    ]  # fmt: skip


def test_differences_inside_of_facts_are_found():
    assert differences({"a": {"x": 1, "y": 1}}, {"a": {"x": 1, "y": 2}}) == [("a.y", 1, 2)]


def test_everything_differs_from_nothing():
    assert differences(None, {"name": "A"}) == [("name", None, "A")]
    assert differences({"name": "A"}, None) == [("name", "A", None)]


def test_actors_are_named():
    user = User.objects.create_user("anna")
    key, _ = create_api_key(name="Bot", actor="test")
    actors = [f"user:{user.pk}", f"api_key:{key.pk}", "import"]

    assert list(map(actor_names(actors).get, actors)) == ["anna", "API key Bot", "import"]


def test_a_deleted_user_keeps_the_last_name():
    note(actor="user:1", action="deleted", obj_type="user", object_id=55, object_name="bert")

    assert actor_names(["user:55"]) == {"user:55": "bert (deleted)"}


@pytest.mark.parametrize(
    "actor", ["user:77", "user:", "user:x", f"user:{10**40}", "api_key:\u0663"]
)
def test_an_actor_nobody_knows_is_shown_as_recorded(actor):
    assert actor_names([actor]) == {actor: actor}


def test_naming_many_actors_takes_as_many_queries_as_naming_one():
    users = [User.objects.create_user(f"user-{n}") for n in range(5)]
    keys = [create_api_key(name="Bot", actor="test")[0] for _ in range(5)]
    actors = [f"user:{user.pk}" for user in users] + [f"api_key:{key.pk}" for key in keys]

    with CaptureQueriesContext(connection) as captured:
        actor_names(actors)
        actor_names(["import"])

    assert len(captured) == 2
