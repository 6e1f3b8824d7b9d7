"""The choice at a source that hundreds of operators work for.

To read a row for each of them costs more than all else that an arrival does. Here the database
tells in one row who is available, and what they weigh; only those whom the decision record lists
are read. The draw is the same, and so is the record, but that loads in it are of a moment later.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from itertools import accumulate
from random import Random
from typing import Any, NamedTuple

from distribution import selection
from distribution.selection import LISTED_CANDIDATES, Candidate, Reason
from distribution.services.place_sql import as_candidate
from minicrm.databases import is_postgresql
from minicrm.hot_cursor import hot_cursor

MANY = 100
# Which sources had many the last time. That is for speed alone, so it may be old.
_large: set[int] = set()

FREE = "o.is_active AND w.weight > 0 AND o.current_load < o.max_load"
OPERATORS = """
FROM distribution_operatorsourceweight AS w
JOIN distribution_operator AS o ON o.id = w.operator_id
JOIN distribution_source AS s ON s.id = w.source_id AND s.is_active
WHERE w.source_id = %s
"""
# How many operators an active source has, and who of them is available with what weight. These come
# in one number each: a thousand pairs would take longer to read than to find. {list}: what makes a
# list of a column.
SHIFT = 16_384  # the first power of two above the largest weight; it leaves ids up to 2**49
AVAILABLE = f"""
SELECT count(*), {{list}}(w.operator_id * {SHIFT} + w.weight) FILTER (WHERE {FREE})
FROM distribution_operatorsourceweight AS w
JOIN distribution_operator AS o ON o.id = w.operator_id
WHERE w.source_id = (SELECT id FROM distribution_source WHERE id = %s AND is_active)
"""  # noqa: S608 - what is put together here is written above
COUNTS = f"""
SELECT
    count(*) FILTER (WHERE NOT o.is_active),
    count(*) FILTER (WHERE o.is_active AND w.weight = 0),
    count(*) FILTER (WHERE o.is_active AND w.weight > 0 AND o.current_load >= o.max_load)
{OPERATORS}
"""
REASONS = (Reason.INACTIVE, Reason.WEIGHT_ZERO, Reason.AT_LIMIT)  # as they are counted there
FACTS = "SELECT w.operator_id, w.weight, o.current_load, o.max_load, o.is_active"
# Of operators whose weights are known. {among}: what compares with a list.
LISTED = """
SELECT id, current_load, max_load, is_active FROM distribution_operator WHERE id {among}
"""
LEFT_OUT = f"{FACTS} {OPERATORS} AND NOT ({FREE}) ORDER BY w.operator_id LIMIT {LISTED_CANDIDATES}"


class Available(NamedTuple):
    """How many operators a source has, and those available as `AVAILABLE` tells; one row of it."""

    everybody: int
    packed: list[int]


class Drawn(NamedTuple):
    """Whom the draw has found, and the record of the choice."""

    chosen: Candidate
    decision: dict[str, Any]


def note_size(source_id: int, operators: int) -> None:
    """Remember whether a source has many operators."""
    if operators > MANY:
        _large.add(source_id)
    else:
        _large.discard(source_id)


def has_many(source_id: int) -> bool:
    """Whether a source had many operators the last time."""
    return source_id in _large


def draw_among_many(
    source_id: int, *, actor: str, rng: Random, seen: Available | None = None
) -> Drawn | None:
    """Draw one of a source's available operators; None where they are not known to be many.

    None also where nobody is available: then all of them have to be looked at anyhow. `seen` is
    who is available, if the caller has just read it.
    """
    if not has_many(source_id):
        return None
    everybody, available = seen or _read_available(source_id)
    note_size(source_id, everybody)
    if not available:
        return None
    available.sort()  # by id, as those are whom `selection.pick` draws from
    bounds = list(accumulate([one % SHIFT for one in available]))
    drawn = bisect_right(bounds, rng.randrange(bounds[-1]))
    chosen_id, weight = divmod(available[drawn], SHIFT)
    weights = {chosen_id: weight}
    for one in available[:LISTED_CANDIDATES]:
        weights.setdefault(one // SHIFT, one % SHIFT)
    listed = _read_listed(weights)
    if chosen_id not in listed:
        return None  # changed between the two looks: the record must not say otherwise
    chosen, *others = listed.values()
    left_out, counts = _read_left_out(source_id) if len(available) < everybody else ([], {})
    decision = selection.decision_record(
        method="weighted_random",
        actor=actor,
        available_count=len(available),
        total_weight=bounds[-1],
        listed=[chosen, *others[: LISTED_CANDIDATES - 1]],
        left_out=left_out,
        left_out_count=counts,
        chosen=chosen,
    )
    return Drawn(chosen, decision)


def available_query() -> str:
    """Return `AVAILABLE` as the database understands it."""
    # What SQLite has for making JSON of a column takes half as long again as its list of words.
    return AVAILABLE.format(list="array_agg" if is_postgresql() else "group_concat")


def available_in(row: tuple[Any, ...]) -> Available:
    """Return what a row of it says."""
    everybody, available = row
    if isinstance(available, list):
        return Available(everybody, available)
    return Available(everybody, json.loads(f"[{available or ''}]"))


def _read_available(source_id: int) -> Available:
    with hot_cursor() as cursor:
        cursor.execute(available_query(), [source_id])
        return available_in(cursor.fetchone())


def _read_listed(weights: Mapping[int, int]) -> dict[int, Candidate]:
    """Return those of some operators who are available now, by id, in the order given."""
    among = "= ANY(%s::bigint[])" if is_postgresql() else "IN (SELECT value FROM json_each(%s))"
    ids = ",".join(map(str, weights))
    with hot_cursor() as cursor:
        values = [f"{{{ids}}}" if is_postgresql() else f"[{ids}]"]
        cursor.execute(LISTED.format(among=among), values)
        facts = {pk: rest for pk, *rest in cursor.fetchall()}
    found = (as_candidate((pk, weights[pk], *facts[pk])) for pk in weights if pk in facts)
    return {one.operator_id: one for one in selection.available(list(found))}


def _read_left_out(
    source_id: int,
) -> tuple[list[tuple[Candidate, Reason]], dict[str, int]]:
    """Return those who are not available, as many as a record lists, and how many for which reason.

    To count them takes as long as to find those who are available: only where not all are listed.
    """
    with hot_cursor() as cursor:
        cursor.execute(LEFT_OUT, [source_id])
        rows = map(as_candidate, cursor.fetchall())
        left_out = [(one, reason) for one in rows if (reason := one.reason()) is not None]
        if len(left_out) < LISTED_CANDIDATES:
            return left_out, dict(Counter(reason.value for _, reason in left_out))
        cursor.execute(COUNTS, [source_id])
        counts = zip(REASONS, cursor.fetchone(), strict=True)
    return left_out, {reason.value: count for reason, count in counts if count}
