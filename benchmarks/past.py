"""A past for a world: leads and contacts by the million, written by the database itself.

Rows are numbered: lead n has contact n, and that has period n.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.core.management.color import no_style
from django.db import connection

from leads.models import Assignment, Contact, Lead

AT_ONCE = 100_000  # rows in one statement: each has foreign keys to be checked at its commit
DAYS = 30

# What the two databases say differently: the numbers of a batch; a moment of the last days, the
# later the higher the number; now; an object with one member.
POSTGRESQL = {
    "numbers": "generate_series({first}, {last}) AS numbers(n)",
    "moment": "now() - interval '{days} days' * (({total} - n)::float8 / {total})",
    "now": "now()",
    "supplied": "jsonb_build_object('external_id', 'bench-' || n)",
}
SQLITE = {
    "numbers": "(WITH RECURSIVE counted(n) AS (SELECT {first} UNION ALL"
    " SELECT n + 1 FROM counted WHERE n < {last}) SELECT n FROM counted) AS numbers",
    "moment": "strftime('%Y-%m-%d %H:%M:%f', 'now',"
    " '-' || (({total} - n) * 86400.0 * {days} / {total}) || ' seconds') || '000'",
    "now": "strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'",
    "supplied": "json_object('external_id', 'bench-' || n)",
}

LEADS = """
    INSERT INTO leads_lead (id, external_id, email, name, created_at)
    SELECT n, 'bench-' || n, 'bench-' || n || '@example.com', 'Bench ' || n, {moment}
    FROM {numbers}
"""
CLOSED = """
    INSERT INTO leads_contact (id, lead_id, source_id, operator_id, status, supplied, name,
      message, payload, created_at, assigned_at, closed_at, version)
    SELECT n, n, {source} + n % {sources}, {operator} + n % {operators}, 'closed', {supplied},
      'Bench', 'Please call back.', '{{}}', {moment}, {moment}, {moment}, 2
    FROM {numbers}
"""
ENDED = """
    INSERT INTO leads_assignment (id, contact_id, operator_id, method, decision, started_at,
      ended_at, ended_as, ended_by, end_reason)
    SELECT id, id, operator_id, 'weighted_random', '{{"method": "weighted_random", "by": "bench"}}',
      assigned_at, closed_at, 'closed', 'bench', ''
    FROM leads_contact WHERE id BETWEEN {first} AND {last}
"""
WAITING = """
    INSERT INTO leads_contact (id, lead_id, source_id, status, supplied, name, message, payload,
      created_at, version)
    SELECT n, n, {source}, 'waiting', {supplied}, 'Bench', 'Please call back.', '{{}}', {now}, 1
    FROM {numbers}
"""
QUEUED = """
    INSERT INTO leads_assignment (id, contact_id, method, decision, started_at, ended_as, ended_by,
      end_reason)
    SELECT id, id, 'queued', '{{"method": "queued", "by": "bench"}}', created_at, '', '', ''
    FROM leads_contact WHERE id BETWEEN {first} AND {last}
"""


def close_contacts(count: int, sources: tuple[int, int], operators: tuple[int, int]) -> None:
    """Store closed contacts, evenly over sources and operators (first, last) and the last days."""
    for first, last in _batches(0, count):
        for statement in (LEADS, CLOSED, ENDED):
            _run(
                statement,
                first=first,
                last=last,
                total=count,
                source=sources[0],
                sources=sources[1] - sources[0] + 1,
                operator=operators[0],
                operators=operators[1] - operators[0] + 1,
            )


def let_wait(after: int, count: int, source: int) -> None:
    """Let contacts wait at a source, numbered from `after` on."""
    for first, last in _batches(after, count):
        for statement in (LEADS, WAITING, QUEUED):
            _run(statement, first=first, last=last, total=after + count, source=source)


def settle() -> None:
    """Let ids go on from here, and do what the database does by itself some time after."""
    with connection.cursor() as cursor:
        resets = connection.ops.sequence_reset_sql(no_style(), [Lead, Contact, Assignment])
        for statement in resets:
            cursor.execute(statement)
        # On SQLite nothing analyses tables in use either.
        postgresql = connection.vendor == "postgresql"
        cursor.execute("VACUUM ANALYZE" if postgresql else "PRAGMA wal_checkpoint(TRUNCATE)")


def _run(statement: str, **numbers: int) -> None:
    words = POSTGRESQL if connection.vendor == "postgresql" else SQLITE
    numbers["days"] = DAYS
    said = {name: text.format(**numbers) for name, text in words.items()}
    with connection.cursor() as cursor:
        cursor.execute(statement.format(**numbers, **said))


def _batches(after: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of the numbers from `after` + 1 on."""
    for first in range(after + 1, after + count + 1, AT_ONCE):
        yield first, min(first + AT_ONCE - 1, after + count)
