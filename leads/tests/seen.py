"""What the database shows: all of it after a step, and what others could see in between."""

from contextlib import contextmanager
from itertools import pairwise

from django.db import connection

from distribution.models import AuditEvent, Operator, OperatorSourceWeight, Source
from leads.models import Assignment, Contact
from leads.tests.checks import assert_consistent

# Asked after every step and every transaction, and so in plain SQL.
VISIBLE = {
    "operators": "SELECT id, name, is_active, max_load, current_load FROM distribution_operator",
    "sources": "SELECT id, name, is_active FROM distribution_source",
    "weights": "SELECT id, source_id, operator_id, weight FROM distribution_operatorsourceweight",
    "contacts": "SELECT id, source_id, status, operator_id, version FROM leads_contact",
}
PERIODS = """
    SELECT id, contact_id, operator_id, method, ended_as, ended_by, end_reason
    FROM leads_assignment ORDER BY id
"""
EVENT_FIELDS = "actor", "action", "object_type", "object_id", "object_name", "before", "after"


def rows(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def look():
    """Everything that decides who gets what, by id."""
    return {
        kind: {pk: tuple(facts) for pk, *facts in rows(query)} for kind, query in VISIBLE.items()
    }


@contextmanager
def watched_commits(look=look):
    """Collect what others could see after each transaction that ends within the block.

    The test's own transaction is around everything, so the end of a service's is the release of
    the outermost savepoint in the block.
    """
    depth, shown = len(connection.savepoint_ids), []

    def watch(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith("RELEASE SAVEPOINT") and len(connection.savepoint_ids) == depth:
            shown.append(look())
        return result

    with connection.execute_wrapper(watch):
        yield shown


class Seen:
    """The database after a step; of decisions and audit events what came with the step."""

    def __init__(self, before=None):
        self.visible = look()
        self.timelines = {pk: [] for pk in self.visible["contacts"]}
        for pk, contact, *facts in rows(PERIODS):
            self.timelines[contact].append((pk, *facts))
        self.last_event = rows("SELECT max(id) FROM distribution_auditevent")[0][0] or 0
        self.decisions, self.events = {}, []
        if before is not None:
            self._read_new(before)

    def _read_new(self, before):
        known = {pk for periods in before.timelines.values() for pk, *_ in periods}
        new = {pk for periods in self.timelines.values() for pk, *_ in periods} - known
        if new:
            decisions = Assignment.objects.filter(pk__in=new).values_list("pk", "decision")
            self.decisions = dict(decisions)
        if self.last_event != before.last_event:
            events = AuditEvent.objects.filter(pk__gt=before.last_event).order_by("pk")
            self.events = list(events.values_list(*EVENT_FIELDS))

    def drawn(self, contact_id, index):
        """The operator of a contact's period, counted from 0; None where there is none."""
        timeline = self.timelines[contact_id]
        return timeline[index][1] if index < len(timeline) else None

    def weight_id(self, source_id, operator_id):
        """The row of a weight; None where there is none."""
        weights = self.visible["weights"].items()
        return next((pk for pk, facts in weights if facts[:2] == (source_id, operator_id)), None)

    def assert_consistent(self, before):
        """The timelines of the contacts that changed are in order, the times included."""
        old = before.visible["contacts"]
        changed = [pk for pk, facts in self.visible["contacts"].items() if facts != old.get(pk)]
        if changed:
            contacts = Contact.objects.filter(pk__in=changed)
            for contact in contacts.prefetch_related("assignments"):
                assert_consistent(contact)
                assert_without_gaps(sorted(contact.assignments.all(), key=lambda each: each.pk))


def assert_without_gaps(periods):
    """Each period ends at the moment when the next begins, but for the time that it was closed."""
    for before, after in pairwise(periods):
        assert before.ended_as == "closed" or before.ended_at == after.started_at, "a gap"


def assert_explained(decision, expected):
    """A decision record must hold what the model says, candidate by candidate."""
    facts = dict(decision)
    if "candidates" in facts:
        could = facts["candidates"]
        assert facts["available_count"] == len(could)
        assert facts["total_weight"] == sum(each["weight"] for each in could)
        facts["candidates"] = {
            each["operator_id"]: (each["weight"], each["load"], each["limit"]) for each in could
        }
        facts["left_out"] = {each["operator_id"]: each["reason"] for each in facts["left_out"]}
    facts = {name: facts.get(name) for name in expected}
    assert facts == expected, f"decision: the database says {facts}, the model {expected}"


def told(result):
    """The plain values of what a service returns."""
    if isinstance(result, list):
        return [told(each) for each in result]
    if hasattr(result, "receipt"):
        return tuple(result.receipt[name] for name in ("id", "status", "operator_id"))
    if hasattr(result, "kept"):
        return told(result.operator), result.moved, result.kept
    if hasattr(result, "changed"):
        contact = result.contact
        facts = contact.pk, contact.status, contact.operator_id, contact.version
        return *facts, result.changed, result.assigned
    if isinstance(result, Operator):
        facts = result.name, result.is_active, result.max_load, result.current_load
        return result.pk, *facts
    if isinstance(result, Source):
        return result.pk, result.name, result.is_active
    if isinstance(result, OperatorSourceWeight):
        return result.source_id, result.operator_id, result.weight
    return result
