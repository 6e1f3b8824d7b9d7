"""The statements with which a contact finds and takes a place, in plain SQL.

They run at every arrival. Built by the ORM each would cost several times as much as the database
takes to answer it (docs/performance.md). Both databases understand them, but for the lock.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from distribution.selection import Candidate
from minicrm.databases import is_postgresql
from minicrm.hot_cursor import hot_cursor

# One row a source that has nobody, or that is switched off; none for a source that is not there.
CANDIDATES = """
SELECT w.operator_id, w.weight, o.current_load, o.max_load, o.is_active
FROM distribution_source AS s
LEFT JOIN distribution_operatorsourceweight AS w ON w.source_id = s.id AND s.is_active
LEFT JOIN distribution_operator AS o ON o.id = w.operator_id
WHERE s.id = %s
ORDER BY w.operator_id
"""

# This is what keeps the limit: the row is looked at and changed in one step, under its lock,
# whatever the candidates said when they were read.
TAKE = """
UPDATE distribution_operator SET current_load = current_load + 1
WHERE id = %s AND is_active AND current_load < max_load
RETURNING id, name
"""


# As `Candidate._make`, but a fifth of its price.
as_candidate = partial(tuple.__new__, Candidate)

# Whoever looks in vain holds this row until the contact has joined the queue (`locks.py`).
LOCK = "SELECT is_active FROM distribution_source WHERE id = %s"
LOCK_ROW = f"{LOCK} FOR NO KEY UPDATE"


def read_candidates(source_id: int) -> list[Candidate] | None:
    """Return all operators of a source by id, nobody for an inactive one; None for no source."""
    with hot_cursor() as cursor:
        cursor.execute(CANDIDATES, [source_id])
        return candidates_in(cursor.fetchall())


def candidates_in(rows: Sequence[tuple[Any, ...]]) -> list[Candidate] | None:
    """Return what rows of `CANDIDATES` say."""
    if not rows:
        return None
    return [] if rows[0][0] is None else [as_candidate(row) for row in rows]


def take_place(operator_id: int) -> str | None:
    """Take one place with an operator who is active and below the limit at this very moment.

    Return the operator's name, or None for a vain try.
    """
    with hot_cursor() as cursor:
        cursor.execute(TAKE, [operator_id])
        row = cursor.fetchone()
    return None if row is None else str(row[1])


def hold_source(source_id: int) -> bool | None:
    """Take a source's row exclusively; return whether it is switched on, None if it is not there.

    The lock is that of `locks.lock_source`, which brings the whole row.
    """
    with hot_cursor() as cursor:
        cursor.execute(LOCK_ROW if is_postgresql() else LOCK, [source_id])
        row = cursor.fetchone()
    return None if row is None else bool(row[0])
