"""Whether anything that the overview shows has changed: one cheap query, and the minute."""

import time
from collections.abc import Iterable

from django.db import connection

# A new assignment or audit event raises the sum of the newest ids, even if another with a higher
# id was committed before it. While neither comes, loads and the queue can only shrink, so their
# sums cannot hide one change behind another.
FACTS = """
  (SELECT sum(id) FROM
    (SELECT id FROM leads_assignment ORDER BY id DESC LIMIT 100) AS newest_assignments),
  (SELECT sum(id) FROM
    (SELECT id FROM distribution_auditevent ORDER BY id DESC LIMIT 20) AS newest_events),
  (SELECT count(*) FROM leads_contact WHERE status = 'waiting'),
  loads, limits, active
"""
OPERATORS = """
(
  SELECT
    sum(id * current_load) AS loads,
    sum(id * max_load) AS limits,
    sum(CASE WHEN is_active THEN id ELSE 0 END) AS active
  FROM distribution_operator
) AS operators
"""
QUERY = f"SELECT {FACTS} FROM {OPERATORS}"  # noqa: S608 - nothing in it is anybody's input


def signature() -> str:
    """Return a text that differs whenever the overview would, and once a minute for its ages.

    Moves of contacts show by their assignments, loads and the queue, settings by the audit events
    that every change of them writes.
    """
    with connection.cursor() as cursor:
        cursor.execute(QUERY)
        return signature_of(cursor.fetchone())


def signature_of(facts: Iterable[object]) -> str:
    """Return the signature for what the query has found."""
    minute = int(time.time() // 60)
    return "-".join(str(fact or 0) for fact in (*facts, minute))
