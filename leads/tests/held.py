"""A person of whom every column holds a word that nothing else holds, and where it turns up."""

import json
from itertools import count

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models

from leads.models import Assignment, Contact, IdempotencyRecord, Lead, LeadConflict
from leads.tests.factories import ClosedContactFactory, LeadFactory, WaitingContactFactory

WORD = "canary"
# Texts about those who did something, which stay.
OF_STAFF = {"Assignment.ended_by"}


def models_about_leads():
    """Return the models that lead to a lead, over however many foreign keys."""
    found = {Lead}
    while True:
        more = {
            relation.related_model
            for model in found
            for relation in model._meta.related_objects
            if not relation.many_to_many
        }
        if more <= found:
            return found
        found |= more


def texts_of(model):
    """Return the columns of a model that may hold anything that somebody wrote."""
    kinds = (models.CharField, models.TextField, models.JSONField)
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, kinds) and not field.choices
    ]


def create_person():
    """Create a lead with another one merged into it; return its id, and all words by column."""
    lead, other = LeadFactory(), LeadFactory()
    merged = LeadFactory(merged_into=lead)
    waiting = WaitingContactFactory(lead=lead)
    closed = ClosedContactFactory(lead=lead)
    pair = {"lead": lead, "other_lead": other, "key": "email"}
    conflict = LeadConflict.objects.create(**pair)
    rows = {
        Lead: [lead, merged],
        Contact: [waiting, closed],
        Assignment: [waiting.assignments.get(), closed.assignments.get()],
        LeadConflict: [conflict],
    }
    words = {}
    number = count(100)
    for model in models_about_leads():
        assert model in rows, f"{model.__name__} hangs on a lead: create one here"
        for row in rows[model]:
            for field in texts_of(model):
                word = f"{WORD}{next(number)}"
                words.setdefault(f"{model.__name__}.{field.name}", []).append(word)
                model.objects.filter(pk=row.pk).update(**{field.name: _value(field, word)})
    words["LogEntry"] = [_log(row, f"{WORD}{next(number)}") for row in (lead, closed, conflict)]
    return lead.pk, words


def _value(field, word):
    if not isinstance(field, models.JSONField):
        return word
    if field.name == "decision":  # whose only free text this is
        return {"method": "manual", "by": "user:1", "reason": word}
    return {word: [{"nested": word}]}


def _log(row, word):
    user, _created = User.objects.get_or_create(username="demo")
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(row),
        object_id=str(row.pk),
        object_repr=word,
        action_flag=CHANGE,
        change_message=json.dumps([{"changed": {"name": word}}]),
    )
    return word


def remember_request(contact_id, digest):
    """Keep what the API keeps of a request that made this contact."""
    answer = {"id": contact_id, "lead_id": 1}
    IdempotencyRecord.objects.create(scope="api_key:1", key=digest, digest=digest, response=answer)


def as_text(dossier):
    return json.dumps(dossier, cls=DjangoJSONEncoder, ensure_ascii=False)


def places_of(word=WORD):
    """Return the tables and columns in which the word stands, of the whole database."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    if word in str(value):
                        found.add(f"{table}.{column}")
    return found
