"""The choice at a source that hundreds of operators work for.

To read a row for each of them costs more than all else that an arrival does. Their weights seldom
change: so they are kept in the process, with the number that the database gives to this set of them
(`Source.weights_version`). An arrival asks for that number and for who is not free, and reads only
those whom the decision record lists. The draw is the same, and so is the record, but that loads in
it are of a moment later.
"""

import json
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, islice
from random import Random
from typing import Any, NamedTuple

from distribution import selection
from distribution.selection import LISTED_CANDIDATES, Candidate, Reason
from distribution.services.place_sql import as_candidate
from minicrm.databases import is_postgresql
from minicrm.hot_cursor import hot_cursor

MANY = 100

# Which weights an active source has, and who of its operators is not free; those who are off with a
# minus. An index has these, so the others cost nothing. {list}: what makes a list of a column.
LOOK = """
SELECT s.weights_version, (
    SELECT {list}(CASE WHEN o.is_active THEN o.id ELSE -o.id END)
    FROM distribution_operator AS o CROSS JOIN distribution_operatorsourceweight AS w
    WHERE NOT o.is_free AND w.operator_id = o.id AND w.source_id = s.id
)
FROM distribution_source AS s WHERE s.id = %s AND s.is_active
"""
WEIGHTS = """
SELECT s.weights_version, w.operator_id, w.weight
FROM distribution_source AS s JOIN distribution_operatorsourceweight AS w ON w.source_id = s.id
WHERE s.id = %s ORDER BY w.operator_id
"""
# Of operators whose weights are known. {among}: what compares with a list.
LISTED = """
SELECT id, current_load, max_load, is_active FROM distribution_operator WHERE id {among}
"""


class Look(NamedTuple):
    """Which weights a source had at one moment, by their number, and who was not free.

    By id; those who were off with a minus.
    """

    version: int
    not_free: list[int]


class Weights(NamedTuple):
    """A source's operators by id, and the sums of their weights up to each: 16 bytes for each.

    `zeros` are the places of those in the list whose weight is 0.
    """

    version: int
    operator_ids: "array[int]"
    bounds: "array[int]"
    zeros: list[int]

    def below(self, place: int) -> int:
        """Return the sum of the weights before a place of the list."""
        return self.bounds[place - 1] if place else 0

    def weight(self, place: int) -> int:
        """Return the weight of who is at a place of the list."""
        return self.bounds[place] - self.below(place)


class Drawn(NamedTuple):
    """Whom the draw has found, and the record of the choice."""

    chosen: Candidate
    decision: dict[str, Any]


# Sources that had many the last time, with their weights once these have been read.
_large: dict[int, Weights | None] = {}


def note_size(source_id: int, operators: int) -> None:
    """Remember whether a source has many operators."""
    if operators > MANY:
        _large.setdefault(source_id, None)
    else:
        _large.pop(source_id, None)


def has_many(source_id: int) -> bool:
    """Whether a source had many operators the last time."""
    return source_id in _large


def draw_among_many(
    source_id: int, *, actor: str, rng: Random, seen: Look | None = None
) -> Drawn | None:
    """Draw one of a source's available operators; None where they are not known to be many.

    None also where nobody is available: then all of them have to be looked at anyhow. `seen` is
    what the caller has just read, if anything.
    """
    if not has_many(source_id):
        return None
    look = seen or _read_look(source_id)
    weights = look and _weights(source_id, look.version)
    if not look or not weights:
        return None
    reasons = _reasons(weights, look.not_free)
    left_out = sorted(reasons)
    total = weights.bounds[-1] - sum([weights.weight(place) for place in left_out])
    if not total:
        return None
    drawn = _drawn(weights, left_out, rng.randrange(total))
    others = (n for n in range(len(weights.operator_ids)) if n != drawn and n not in reasons)
    could = [drawn, *islice(others, LISTED_CANDIDATES - 1)]
    could_not = left_out[:LISTED_CANDIDATES]
    now = _read(weights, could + could_not)
    chosen = now.get(drawn)
    if chosen is None or chosen.reason():
        return None  # changed between the two looks: the record must not say otherwise
    told = {place: now[place] for place in could_not if place in now}
    reasons |= {place: one.reason() or Reason.FREED_MEANWHILE for place, one in told.items()}
    decision = selection.decision_record(
        method="weighted_random",
        actor=actor,
        available_count=len(weights.operator_ids) - len(left_out),
        total_weight=total,
        listed=selection.available([now[place] for place in could if place in now]),
        left_out=[(one, reasons[place]) for place, one in told.items()],
        left_out_count=Counter([reason.value for reason in reasons.values()]),
        chosen=chosen,
    )
    return Drawn(chosen, decision)


def _reasons(weights: Weights, not_free: Sequence[int]) -> dict[int, Reason]:
    """Return why those who cannot take a contact cannot, by their places in the list."""
    reasons = dict.fromkeys(weights.zeros, Reason.WEIGHT_ZERO)
    for one in not_free:
        place = bisect_left(weights.operator_ids, abs(one))
        if one < 0:
            reasons[place] = Reason.INACTIVE
        else:
            reasons.setdefault(place, Reason.AT_LIMIT)
    return reasons


def _drawn(weights: Weights, left_out: Sequence[int], number: int) -> int:
    """Return the place whose share a number falls into, as if those left out were not there.

    That is whom `selection.pick` finds: the number is moved on by each weight left out before it.
    """
    for place in left_out:
        if number < weights.below(place):
            break
        number += weights.weight(place)
    return bisect_right(weights.bounds, number)


def look_query() -> str:
    """Return `LOOK` as the database understands it."""
    return LOOK.format(list="array_agg" if is_postgresql() else "group_concat")


def look_in(row: Sequence[Any] | None) -> Look | None:
    """Return what its row says; None where there is none: the source is off, or not there."""
    if row is None or row[0] is None:
        return None
    version, not_free = row
    if isinstance(not_free, list):
        return Look(version, not_free)
    return Look(version, json.loads(f"[{not_free or ''}]"))


def _read_look(source_id: int) -> Look | None:
    with hot_cursor() as cursor:
        cursor.execute(look_query(), [source_id])
        return look_in(cursor.fetchone())


def _weights(source_id: int, version: int) -> Weights | None:
    """Return a source's weights, if they are still those of that number, and many."""
    weights = _large.get(source_id)
    if weights is None or weights.version != version:
        weights = _read_weights(source_id)
        if len(weights.operator_ids) <= MANY:
            _large.pop(source_id, None)
            return None
        _large[source_id] = weights
    return weights if weights.version == version else None


def _read_weights(source_id: int) -> Weights:
    with hot_cursor() as cursor:
        cursor.execute(WEIGHTS, [source_id])
        rows = cursor.fetchall()
    return Weights(
        rows[0][0] if rows else 0,
        array("q", [operator_id for _, operator_id, _ in rows]),
        array("q", accumulate([weight for *_, weight in rows])),
        [place for place, (*_, weight) in enumerate(rows) if not weight],
    )


def _read(weights: Weights, places: Sequence[int]) -> dict[int, Candidate]:
    """Return the operators at some places as they are now, by place; those still there."""
    among = "= ANY(%s::bigint[])" if is_postgresql() else "IN (SELECT value FROM json_each(%s))"
    place_of = {weights.operator_ids[place]: place for place in places}
    ids = ",".join(map(str, place_of))
    with hot_cursor() as cursor:
        values = [f"{{{ids}}}" if is_postgresql() else f"[{ids}]"]
        cursor.execute(LISTED.format(among=among), values)
        rows = cursor.fetchall()
    return {
        (place := place_of[pk]): as_candidate((pk, weights.weight(place), *facts))
        for pk, *facts in rows
    }
