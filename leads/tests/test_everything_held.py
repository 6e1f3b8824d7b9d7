"""Everything that is held about a lead is in the export, and nothing of it is left once erased."""

import json
import sqlite3

import pytest
from django.db import connection

from distribution.models import AuditEvent
from distribution.tests.factories import WeightFactory
from leads.models import Assignment, Contact, IdempotencyRecord, Lead
from leads.services import (
    ContactRequest,
    close_contact,
    dossier,
    erase_lead,
    export_lead,
    merge_leads,
    register_contact,
    rename_lead,
    reopen_contact,
)
from leads.services.dossier import lead_dossier
from leads.services.idempotency import Once
from leads.tests.factories import LeadFactory
from leads.tests.held import (
    OF_STAFF,
    WORD,
    as_text,
    create_person,
    models_about_leads,
    places_of,
    texts_of,
)
from minicrm.errors import NotFound
from minicrm.tests.live_file import content_of

pytestmark = pytest.mark.django_db


def test_every_column_about_a_lead_is_in_the_export():
    lead_id, words = create_person()
    text = as_text(export_lead(lead_id, actor="test"))

    missing = {name: word for name, all_of in words.items() for word in all_of if word not in text}
    assert not missing
    assert len(words) == sum(len(texts_of(model)) for model in models_about_leads()) + 1


def test_nothing_is_left_in_any_table_once_the_lead_is_erased():
    lead_id, _words = create_person()
    assert {"leads_lead.email", "leads_contact.payload", "leads_assignment.decision"} <= places_of()

    erase_lead(lead_id, reason="Request 7", actor="test")

    of_staff = {f"leads_{name.lower()}" for name in OF_STAFF}
    assert places_of() == of_staff


def test_nothing_is_left_of_what_somebody_sent_and_did():
    """The same by the ways that people and bots have, whatever these may keep where."""
    source_id = WeightFactory().source_id
    request = {"name": f"{WORD} one", "message": WORD, "payload": {WORD: WORD}}
    for number, keys in enumerate(
        (
            {"external_id": WORD},
            {"email": f"{WORD}@example.com", "phone": "+442079460007"},
            {"external_id": WORD, "email": f"{WORD}@example.com"},
        )
    ):
        register_contact(
            ContactRequest(source_id, **keys, **request),
            actor="api_key:1",
            once=Once(scope="api_key:1:POST /contacts/", key=f"{number}"),
        )
    into, lead = Lead.objects.order_by("pk")
    contact = Contact.objects.earliest("pk")
    close_contact(contact.pk, actor="user:1", reason=f"{WORD} called")
    reopen_contact(contact.pk, actor="user:1", reason=f"{WORD} called again")
    rename_lead(into.pk, name=f"{WORD} two", shown=f"{WORD} one", actor="user:1")
    merge_leads(into_id=into.pk, lead_id=lead.pk, actor="user:1")
    assert len(places_of()) > 6
    assert WORD in as_text(lead_dossier(into.pk))
    digests = set(IdempotencyRecord.objects.values_list("digest", flat=True))

    erase_lead(into.pk, reason="Request 7", actor="user:1")

    assert places_of() == set()
    assert places_of("442079460007") == set()
    assert not any(places_of(digest) for digest in digests)


def test_the_export_of_a_merged_lead_is_that_of_the_whole_person():
    lead_id, _words = create_person()
    merged = Lead.objects.get(merged_into=lead_id)
    first, second = lead_dossier(lead_id), lead_dossier(merged.pk)

    assert second["lead"]["id"] == lead_id
    assert [one["id"] for one in second["merged_leads"]] == [merged.pk]
    assert first["contacts"] == second["contacts"]


def test_the_export_says_nothing_of_other_people():
    lead_id, _words = create_person()
    LeadFactory(name="Somebody else", email="else@example.com")
    Lead.objects.filter(conflicts_as_other__lead=lead_id).update(name="The other one")

    text = as_text(lead_dossier(lead_id))

    assert "Somebody else" not in text
    assert "The other one" not in text


def test_that_an_export_was_made_is_recorded_without_what_was_in_it():
    lead_id, _words = create_person()
    export_lead(lead_id, actor="user:7")
    event = AuditEvent.objects.get(action="exported")

    assert (event.actor, event.object_type, event.object_id) == ("user:7", "lead", lead_id)
    assert event.after["contacts"] == 2
    assert WORD not in json.dumps([event.object_name, event.before, event.after])
    assert any(row["id"] == event.pk for row in lead_dossier(lead_id)["history"])


def test_nothing_is_recorded_of_a_lead_that_is_not_there():
    with pytest.raises(NotFound):
        export_lead(4_000_000, actor="test")
    assert not AuditEvent.objects.exists()


def test_an_erased_lead_can_still_be_exported():
    lead_id, _words = create_person()
    erase_lead(lead_id, reason="Request 7", actor="test")
    held = lead_dossier(lead_id)

    assert len(held["contacts"]) == 2
    assert [event["action"] for event in held["history"]][-1] == "erased"


@pytest.mark.django_db(transaction=True)
def test_an_export_reads_outside_of_any_transaction():
    """On SQLite one that begins keeps all who write waiting, however long it reads."""
    lead_id, _words = create_person()
    inside = []

    def watch(execute, sql, params, many, context):
        if connection.in_atomic_block:
            inside.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        export_lead(lead_id, actor="test")

    written = [sql for sql in inside if "distribution_auditevent" in sql]
    assert written
    assert not [sql for sql in inside if "leads_contact" in sql or "idempotency" in sql]


@pytest.mark.django_db(transaction=True)
def test_who_is_erased_while_being_exported_is_read_again(monkeypatch):
    lead_id, _words = create_person()
    read = []

    def read_and_erase(pk):
        read.append(lead_dossier(pk))
        if len(read) == 1:
            erase_lead(pk, reason="Request 7", actor="test")
        return read[-1]

    monkeypatch.setattr(dossier, "lead_dossier", read_and_erase)
    held = export_lead(lead_id, actor="test")

    assert len(read) == 2
    assert WORD in as_text(read[0]["lead"])
    assert held["lead"]["erased_at"]
    assert AuditEvent.objects.filter(action="exported").count() == 1


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_in_the_database_file():
    lead_id, _words = create_person()
    checkpoint()
    path = connection.settings_dict["NAME"]
    assert WORD.encode() in content_of(path), "the test looks at the wrong file"

    erase_lead(lead_id, reason="Request 7", actor="test")
    Assignment.objects.update(ended_by="")  # who did it, which stays
    checkpoint()

    assert WORD.encode() not in content_of(path)


def checkpoint():
    """Write the log into the file, as SQLite does by itself sooner or later."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert cursor.fetchone()[0] == 0, sqlite3.sqlite_version
