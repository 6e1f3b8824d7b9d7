"""Rows for an import that are hard to get right, and what came of them."""

import subprocess
import sys

from django.db import transaction

from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Assignment, Contact, IdempotencyRecord, Lead, LeadConflict
from leads.services import Registration, register_contact
from leads.services.import_sources import ACTOR, SourceFinder
from leads.services.imports import ContactImport
from leads.tests.factories import AssignedContactFactory, LeadFactory
from minicrm.errors import ServiceError
from minicrm.tests.server import ROOT, environment

SOURCES = ["Bot", "Bot", "Bot", "Shared", "Off", "Nobody", "Full", "Missing"]


def phone(number):
    return f"+4420794600{number:02}"


def crowded_world():
    """Sources that run full, are full, off or without operators; leads known, merged and erased."""
    bot, shared = SourceFactory(name="Bot"), SourceFactory(name="Shared")
    first, second = OperatorFactory(max_load=9), OperatorFactory(max_load=14)
    WeightFactory(source=bot, operator=first, weight=5)
    WeightFactory(source=bot, operator=second, weight=2)
    WeightFactory(source=bot, operator__max_load=3)
    WeightFactory(source=bot, operator__is_active=False)
    WeightFactory(source=shared, operator=second, weight=3)
    WeightFactory(source=shared, operator=first, weight=0)
    WeightFactory(source=shared, operator__max_load=4)
    WeightFactory(source=SourceFactory(name="Off", is_active=False))
    SourceFactory(name="Nobody")
    full = AssignedContactFactory(source__name="Full", operator__max_load=1)
    WeightFactory(source=full.source, operator=full.operator)
    one = LeadFactory(external_id="id-1", email="one@example.com", name="Demo lead 1")
    two = LeadFactory(external_id=None, phone=phone(2))
    three = LeadFactory(external_id="id-3")
    LeadFactory(external_id="id-4", email="four@example.com", merged_into=one)
    LeadFactory(external_id=None, email="five@example.com", phone=phone(5), merged_into=three)
    LeadFactory(external_id=None, email="six@example.com", merged_into=two)
    LeadFactory(external_id=None, email="seven@example.com", name="Demo lead 7")


def random_rows(rng, count):
    """Return rows that share keys with one another and with who is known; some are refused."""
    ids = [None, None, "ID-1", "id-3", "id-4", *(f"id-{n}" for n in range(8, 14))]
    names = ["one", "four", "five", "six", "seven", "eight", "nine", "ten"]
    emails = [None, None, "nobody", *(f"{name}@example.com" for name in names)]
    phones = [None, None, "12", *(phone(n) for n in (2, 5, 20, 21, 22, 23))]
    rows = [
        {
            "source": rng.choice(SOURCES),
            "external_id": rng.choice(ids),
            "email": rng.choice(emails),
            "phone": rng.choice(phones),
            "name": rng.choice([None, "Demo A", "Demo B"]),
            "message": rng.choice([None, "Hello"]),
            "payload": rng.choice([None, {"city": "Leeds"}]),
        }
        for _ in range(count)
    ]
    rows.insert(count // 2, {"source": "Bot", "message": "Whoever I am"})
    rows += rng.sample(rows, count // 5)  # the same again
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


class OneByOne:
    """Stores rows as if each was posted: what an import in batches must come to."""

    def __init__(self, *, rng):
        self._rng = rng

    def store(self, rows):
        return [self._stored(row) for row in rows]

    def _stored(self, row):
        try:
            return register_contact(row.request, actor=ACTOR, once=row.once, rng=self._rng)
        except ServiceError as error:
            return error


def import_rows(rows, *, rng, at_once, store=None, batch="demo.csv"):
    """Import the rows; return what each became."""
    sources = SourceFinder(fixed=None, default=None, create=False)
    contacts = ContactImport(sources, batch=batch, rng=rng)
    if store is not None:
        contacts._store = store
    lots = [rows[first : first + at_once] for first in range(0, len(rows), at_once)]
    return [outcome for lot in lots for outcome in contacts.add(lot)]


def start_import(path, *options):
    """Return a process that imports a file with the columns from, id and tel."""
    columns = ["--source-from=from", "--external-id=id", "--phone=tel", "-v0"]
    return subprocess.Popen(
        [sys.executable, "manage.py", "import_contacts", path, *columns, *options],
        cwd=ROOT, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def undone(do):
    """Do something; return what was said and stored, and take it back."""
    with transaction.atomic():
        said = do()
        numbers = Numbers()
        result = [numbers.said(outcome) for outcome in said], numbers.everything()
        transaction.set_rollback(True)
    return result


def places_of(model):
    ids = model.objects.order_by("pk").values_list("pk", flat=True)
    return {pk: place for place, pk in enumerate(ids)}


class Numbers:
    """What is stored, with contacts and leads by their places: the database may leave ids out."""

    def __init__(self):
        self.leads, self.contacts = places_of(Lead), places_of(Contact)

    def said(self, outcome):
        if not isinstance(outcome, Registration):
            return outcome.code, outcome.field, outcome.message
        return outcome.replayed, self.receipt(outcome.receipt)

    def receipt(self, receipt):
        facts = {"id": self.contacts[receipt["id"]], "lead_id": self.leads[receipt["lead_id"]]}
        assert receipt["created_at"] <= (receipt["assigned_at"] or "9")
        moments = {"created_at": True, "assigned_at": receipt["assigned_at"] is not None}
        return receipt | facts | moments

    def everything(self):
        keys = Lead.objects.order_by("pk").values_list(
            "external_id", "email", "phone", "name", "merged_into_id"
        )
        return {
            "leads": [(*facts, self.leads.get(into)) for *facts, into in keys],
            "conflicts": [
                (self.leads[row.lead_id], self.leads[row.other_lead_id], row.key)
                for row in LeadConflict.objects.order_by("pk")
            ],
            "contacts": [self._contact(row) for row in Contact.objects.order_by("pk")],
            "periods": [self._period(row) for row in Assignment.objects.order_by("pk")],
            "records": [
                (row.scope, row.key, row.digest, self.receipt(row.response))
                for row in IdempotencyRecord.objects.order_by("pk")
            ],
            "operators": list(Operator.objects.order_by("pk").values_list("pk", "current_load")),
        }

    def _contact(self, row):
        facts = (row.source_id, row.operator_id, row.status, row.supplied, row.name, row.message)
        rest = (row.payload, row.version, row.assigned_at is None, row.closed_at, row.forgotten_at)
        return self.leads[row.lead_id], *facts, *rest

    def _period(self, row):
        facts = (row.operator_id, row.method, row.decision, row.ended_at, row.ended_as)
        return self.contacts[row.contact_id], *facts, row.ended_by, row.end_reason
