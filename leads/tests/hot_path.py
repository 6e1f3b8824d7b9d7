"""The requests that a contact's life is made of, and what each leaves in the database."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import close_old_connections, connection, transaction

from distribution.models import ApiKey, Operator
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Assignment, Contact, IdempotencyRecord, Lead, LeadConflict
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    WaitingContactFactory,
)
from minicrm.backups.tables import columns
from minicrm.tests.client import api_with_key
from minicrm.tests.failing import Statements

WRITTEN = (Lead, LeadConflict, Contact, Assignment, IdempotencyRecord)


class Scene:
    """One source with one operator who can take a contact and two who cannot, and a caller.

    Whoever gets a contact is no matter of chance, so that two runs can be compared.
    """

    def __init__(self):
        self.api = api_with_key(can_manage=True)
        self.source = SourceFactory()
        self.operator = WeightFactory(source=self.source, operator__max_load=2).operator
        WeightFactory(source=self.source, operator__is_active=False)
        WeightFactory(source=self.source, weight=0)
        self.stranger = OperatorFactory()

    def prepare(self, operation):
        """Put in what an operation needs, and nothing else."""
        with connection.cursor() as cursor:
            self._empty(cursor)
        Operator.objects.update(current_load=0, max_load=2)
        self.operator.current_load = 0
        operation.arrange(self)
        self._prepared = rows_stored()
        self.forget_last_use()

    def restore(self):
        """Put everything back as it was prepared."""
        with transaction.atomic(), connection.cursor() as cursor:
            self._empty(cursor)
            for model in WRITTEN:
                insert(cursor, model, self._prepared[model])
            for row in self._prepared[Operator]:
                Operator.objects.filter(pk=row["id"]).update(current_load=row["current_load"])
        self.forget_last_use()

    def _empty(self, cursor):
        for model in reversed(WRITTEN):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")

    def forget_last_use(self):
        """Let the next request note that the key is used; otherwise it did so a moment ago."""
        ApiKey.objects.update(last_used_at=None)

    def arrival(self, **changes):
        """Return the body of a new contact."""
        return {"source_id": self.source.pk, "external_id": "one"} | changes


@dataclass(frozen=True)
class Operation:
    """A request: what must be there before, and what is sent."""

    name: str
    path: Callable = lambda scene: "contacts/"
    body: Callable = Scene.arrival
    arrange: Callable = lambda scene: None
    once: bool = True  # with an Idempotency-Key

    def __str__(self):
        return self.name

    def send(self, scene):
        headers = {"Idempotency-Key": "order-1"} if self.once else {}
        return scene.api.post(self.path(scene), self.body(scene), headers=headers)


def nobody_has_a_place(scene):
    Operator.objects.update(max_load=0)


def two_leads_are_known(scene):
    Lead.objects.create(external_id="one", name="Demo lead")
    Lead.objects.create(phone="+442079460123")


def body_of_a_known_lead(scene):
    return scene.arrival(email="one@example.com", phone="+442079460123", message="Again")


def it_was_sent_before(scene):
    assert Operation("arrival").send(scene).status_code == 201


def the_only_place_is_taken(scene):
    """An older contact waits; `scene.contact` has the place."""
    Operator.objects.update(max_load=1)
    WaitingContactFactory(source=scene.source, lead__external_id="oldest")
    scene.contact = AssignedContactFactory(
        source=scene.source, operator=scene.operator, lead__external_id="newest"
    )


def it_is_closed(scene):
    scene.contact = ClosedContactFactory(
        source=scene.source, operator=scene.operator, lead__external_id="one"
    )


def move(name, arrange=the_only_place_is_taken, **facts):
    return Operation(
        name,
        path=lambda scene: f"contacts/{scene.contact.pk}/{name}/",
        body=lambda scene: (
            {"version": 1, "reason": "Demo reason"}
            | {name: getattr(scene, fact).pk for name, fact in facts.items()}
        ),
        arrange=arrange,
    )


ARRIVALS = [
    ARRIVAL := Operation("arrival", once=False),
    WAITING := Operation("waiting arrival", arrange=nobody_has_a_place),
    Operation("arrival of a known lead", body=body_of_a_known_lead, arrange=two_leads_are_known),
    SENT_BEFORE := Operation("arrival sent before", arrange=it_was_sent_before),
]
MOVES = [
    CLOSE := move("close"),
    move("requeue"),
    move("reassign", operator_id="stranger"),
    move("reopen", arrange=it_is_closed),
]


# What came of it ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """An answer and what is stored then, in a form that is equal for equal runs."""

    answer: dict
    stored: dict
    statements: list = field(compare=False, default_factory=list)


def run(operation, scene, statements=None):
    """Send an operation's request, as to a server, and return its outcome."""
    statements = statements or Statements()
    close_old_connections()
    with statements.watched():
        response = operation.send(scene)
    close_old_connections()
    rows = rows_stored()
    return Outcome(answer_in(response, rows), comparable_rows(rows), statements.texts)


def everything_stored():
    """Return what an outcome says is stored, as it is now."""
    return comparable_rows(rows_stored())


def rows_stored():
    """Return all rows that an operation may touch. Plain SQL: this is done very often."""
    with connection.cursor() as cursor:
        return {model: rows_of(cursor, model) for model in (Operator, *WRITTEN)}


def rows_of(cursor, model):
    names = [field.column for field in columns(model)]
    cursor.execute(f"SELECT {', '.join(names)} FROM {model._meta.db_table} ORDER BY id")
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def insert(cursor, model, rows):
    if rows:
        names = ", ".join(map(connection.ops.quote_name, rows[0]))
        values = ", ".join(["%s"] * len(rows[0]))
        statement = f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({values})"
        cursor.executemany(statement, [list(row.values()) for row in rows])


def answer_in(response, rows):
    """Return what a caller reads from an answer."""
    names = ("Idempotency-Replayed", "Retry-After")
    headers = {name: response[name] for name in names if name in response}
    body = comparable(response.json(), ranks(rows))
    return {"status": response.status_code, "body": body} | headers


def comparable_rows(rows):
    rank = ranks(rows)
    return {
        model.__name__: [comparable(row | {"id": None}, rank) for row in found]
        for model, found in rows.items()
    }


def ranks(rows):
    """Return the ids of leads and contacts in order: they differ from run to run."""
    leads, contacts = ([row["id"] for row in rows[model]] for model in (Lead, Contact))
    return {"lead_id": leads, "other_lead_id": leads, "contact_id": contacts, "id": contacts}


def comparable(value, rank, name=""):
    """Return a value without what differs from run to run: ids by rank, times by being there."""
    if isinstance(value, dict):
        return {name: comparable(item, rank, name) for name, item in value.items()}
    if name == "response" and isinstance(value, str):
        return comparable(json.loads(value), rank)
    if name.endswith("_at"):
        return value is not None
    if name == "request_id":
        return None
    return rank[name].index(value) if value is not None and name in rank else value
