"""The statements with which an arrival finds its lead and stores its contact, in plain SQL.

They run at every contact. Built by the ORM each would cost several times as much as the database
takes to answer it (docs/performance.md). What joins several into one is for PostgreSQL, where each
question costs.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone
from pydantic_core import to_json

from distribution.selection import Candidate
from distribution.services import place_sql
from distribution.services.many_operators import Look, look_in, look_query
from leads.identity import LeadKeys
from leads.models import IdempotencyRecord, Lead
from minicrm.databases import is_postgresql
from minicrm.hot_cursor import hot_cursor

# Unlike a plain INSERT it waits for others before any of its own keys is in an index. A plain one
# puts in the e-mail and then waits for who changes the owner of the phone, while that one waits
# for the e-mail.
NEW_LEAD = """
INSERT INTO leads_lead (external_id, email, phone, name, created_at)
VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id
"""
OF_NEW_LEAD = ("id", "external_id", "email", "phone", "name", "created_at")
# The same, and a look at the source's operators with it: for PostgreSQL, where each question costs.
NEW_LEAD_AND_CANDIDATES = """
WITH lead AS ({new_lead}), candidate AS ({candidates})
SELECT candidate.*, lead.id FROM candidate LEFT JOIN lead ON TRUE ORDER BY candidate.operator_id
"""

# For sources with many operators.
NEW_LEAD_AND_LOOK = """
WITH lead AS ({new_lead}), look AS ({look})
SELECT lead.id, look.*
FROM (VALUES (TRUE)) AS always LEFT JOIN look ON TRUE LEFT JOIN lead ON TRUE
"""

# A key that was not supplied is NULL here, which equals nothing.
OWNERS = """
SELECT id, external_id, email, phone, name, merged_into_id FROM leads_lead
WHERE external_id = %s OR email = %s OR phone = %s ORDER BY id
"""
OF_OWNER = ("id", "external_id", "email", "phone", "name", "merged_into_id")

INTO_CONTACT = """
INSERT INTO leads_contact
    (lead_id, source_id, status, supplied, name, message, payload, created_at, assigned_at, version,
    operator_id)
"""
INTO_PERIOD = """
INSERT INTO leads_assignment
    (method, decision, started_at, ended_as, ended_by, end_reason, contact_id, operator_id)
"""
CONTACT = INTO_CONTACT + "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s) RETURNING id"
PERIOD = INTO_PERIOD + "VALUES (%s, %s, %s, '', '', '', %s, %s)"
# To PostgreSQL both are said in one.
CONTACT_AND_PERIOD = f"""
WITH contact AS ({CONTACT}, operator_id),
period AS (
    {INTO_PERIOD}
    SELECT %s, %s::jsonb, %s::timestamptz, '', '', '', id, operator_id FROM contact
)
SELECT id FROM contact
"""  # noqa: S608 - what is put together here is written above
# And with the place taken in the same statement; if it is gone, nothing is stored.
CONTACT_WITH_PLACE = """
WITH place AS ({take}),
contact AS (
    {into_contact}
    SELECT %s::bigint, %s::bigint, %s, %s::jsonb, %s, %s, %s::jsonb, %s::timestamptz,
        %s::timestamptz, 1, id FROM place
    RETURNING id, operator_id
),
period AS (
    {into_period}
    SELECT %s, %s::jsonb, %s::timestamptz, '', '', '', id, operator_id FROM contact
)
SELECT contact.id, place.name FROM contact, place
"""

# Like a new lead: it waits while an equal request is under way.
NEW_RECORD = """
INSERT INTO leads_idempotencyrecord (scope, key, digest, created_at)
VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id
"""
OF_NEW_RECORD = ("id", "scope", "key", "digest", "response", "created_at")
RESPONSE = "UPDATE leads_idempotencyrecord SET response = %s WHERE id = %s"


@dataclass(slots=True)
class NewContact:
    """A contact to be stored; `assigned_at` is when its first period begins, in the queue too."""

    lead_id: int
    source_id: int
    supplied: dict[str, str]
    name: str
    message: str
    payload: dict[str, Any]
    created_at: datetime
    assigned_at: datetime


def insert_lead(keys: LeadKeys, *, name: str) -> Lead | None:
    """Create a lead with these keys, or return None when one of them belongs to somebody."""
    values = _new_lead(keys, name)
    with hot_cursor() as cursor:
        cursor.execute(NEW_LEAD, _as_stored(values))
        row = cursor.fetchone()
    return None if row is None else Lead.from_db(DEFAULT_DB_ALIAS, OF_NEW_LEAD, (*row, *values))


def insert_lead_and_look(
    keys: LeadKeys, *, name: str, source_id: int
) -> tuple[int | None, list[Candidate] | None]:
    """Do that, return the lead's id, and read the source's candidates in the same statement.

    PostgreSQL only.
    """
    statement = _new_lead_and_candidates(place_sql.CANDIDATES)
    with hot_cursor() as cursor:
        cursor.execute(statement, [*_new_lead(keys, name), source_id])
        rows = cursor.fetchall()
    candidates = place_sql.candidates_in([row[:-1] for row in rows])
    return rows[0][-1] if rows else None, candidates


def insert_lead_and_look_at_many(
    keys: LeadKeys, *, name: str, source_id: int
) -> tuple[int | None, Look | None]:
    """Do the same for a source with many operators, with the look that these need."""
    statement = _new_lead_and_look(look_query())
    with hot_cursor() as cursor:
        cursor.execute(statement, [*_new_lead(keys, name), source_id])
        lead_id, *look = cursor.fetchone()
    return lead_id, look_in(look)


def _new_lead(keys: LeadKeys, name: str) -> tuple[Any, ...]:
    return keys.external_id, keys.email, keys.phone, name, timezone.now()


# What is put in comes as a value, for tests put faults into it.
@cache
def _new_lead_and_candidates(candidates: str) -> str:
    return NEW_LEAD_AND_CANDIDATES.format(new_lead=NEW_LEAD, candidates=candidates)


@cache
def _new_lead_and_look(look: str) -> str:
    return NEW_LEAD_AND_LOOK.format(new_lead=NEW_LEAD, look=look)


def find_lead(keys: LeadKeys, *, name: str) -> Lead | None:
    """Return the lead of these keys with its row locked, where there is nothing else to do for it.

    None, and no lock, where nobody or somebody else owns one of the keys, where the lead was
    merged, or where it lacks one of the keys or the name.
    """
    has_row_locks = is_postgresql()
    # Not prepared: a plan made while the table was small would read all of it for long.
    with hot_cursor(prepares=False) as cursor:
        if has_row_locks:
            cursor.execute("SAVEPOINT lead")
        statement = OWNERS + " FOR NO KEY UPDATE" if has_row_locks else OWNERS
        cursor.execute(statement, [keys.external_id, keys.email, keys.phone])
        found = [Lead.from_db(DEFAULT_DB_ALIAS, OF_OWNER, row) for row in cursor.fetchall()]
        if len(found) == 1 and _needs_nothing(found[0], keys, name):
            return found[0]
        if has_row_locks:
            cursor.execute("ROLLBACK TO SAVEPOINT lead")
    return None


def _needs_nothing(lead: Lead, keys: LeadKeys, name: str) -> bool:
    return (
        lead.merged_into_id is None
        and all(getattr(lead, key) is not None for key in keys.present())
        and bool(lead.name or not name)
    )


def insert_waiting(contact: NewContact, decision: dict[str, Any]) -> int:
    """Store a contact that nobody can take, and its period in the queue; return its id."""
    return _insert(contact, None, decision)


def insert_assigned(contact: NewContact, operator_id: int, decision: dict[str, Any]) -> int:
    """Store a contact for which a place has been taken, and its first period; return its id."""
    return _insert(contact, operator_id, decision)


def insert_with_place(
    contact: NewContact, operator_id: int, decision: dict[str, Any]
) -> tuple[int, str] | None:
    """Take a place with an operator and store the contact there, in one. PostgreSQL only.

    Return the contact's id and the operator's name, or None, and nothing stored, where the place
    is gone.
    """
    values = [*_contact_row(contact, taken=True), *_period_row(contact, decision)]
    with hot_cursor() as cursor:
        cursor.execute(_contact_with_place(place_sql.TAKE), [operator_id, *values])
        found: tuple[int, str] | None = cursor.fetchone()
    return found


def _insert(contact: NewContact, operator_id: int | None, decision: dict[str, Any]) -> int:
    row = [*_contact_row(contact, taken=operator_id is not None), operator_id]
    period = _period_row(contact, decision)
    with hot_cursor() as cursor:
        if is_postgresql():
            cursor.execute(CONTACT_AND_PERIOD, row + period)
            return int(cursor.fetchone()[0])
        cursor.execute(CONTACT, row)
        contact_id = int(cursor.fetchone()[0])
        cursor.execute(PERIOD, [*period, contact_id, operator_id])
    return contact_id


@cache
def _contact_with_place(take: str) -> str:
    return CONTACT_WITH_PLACE.format(take=take, into_contact=INTO_CONTACT, into_period=INTO_PERIOD)


def _contact_row(contact: NewContact, *, taken: bool) -> list[Any]:
    return [
        contact.lead_id,
        contact.source_id,
        "assigned" if taken else "waiting",
        json.dumps(contact.supplied),
        contact.name,
        contact.message,
        json.dumps(contact.payload),
        _stored(contact.created_at),
        _stored(contact.assigned_at) if taken else None,
    ]


def _period_row(contact: NewContact, decision: dict[str, Any]) -> list[Any]:
    # A third of what Python's own takes: a record is most of what an arrival writes.
    record = to_json(decision).decode()
    return [decision["method"], record, _stored(contact.assigned_at)]


def insert_record(*, scope: str, key: str, digest: str) -> IdempotencyRecord | None:
    """Note that a request is under way; None when an equal one was noted before.

    Waits for an equal one that has not committed, up to the database's lock timeout.
    """
    now = timezone.now()
    with hot_cursor() as cursor:
        cursor.execute(NEW_RECORD, [scope, key, digest, _stored(now)])
        row = cursor.fetchone()
    if row is None:
        return None
    values = (*row, scope, key, digest, None, now)
    return IdempotencyRecord.from_db(DEFAULT_DB_ALIAS, OF_NEW_RECORD, values)


def keep_response(record: IdempotencyRecord) -> None:
    """Store the answer that a request got."""
    # Not prepared, for the same reason as in `find_lead`.
    with hot_cursor(prepares=False) as cursor:
        cursor.execute(RESPONSE, [json.dumps(record.response), record.pk])


def _as_stored(values: Iterable[Any]) -> list[Any]:
    return [_stored(value) if isinstance(value, datetime) else value for value in values]


def _stored(moment: datetime) -> Any:
    # As Django does, and without its look at the connection and the settings.
    return moment if is_postgresql() else str(moment.astimezone(UTC).replace(tzinfo=None))
