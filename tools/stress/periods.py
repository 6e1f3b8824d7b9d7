"""Whether the periods of each contact tell one consistent history."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from leads.models import Assignment, Contact
from tools.stress.checks import Finding

# What may end a period with an operator (True) or in the queue (False), and what begins then.
NEXT: dict[tuple[bool, str], set[str]] = {
    (False, "assigned"): {"drain", "manual"},
    (False, "closed"): {"reopening", "weighted_random", "queued"},
    (True, "reassigned"): {"reassignment"},
    (True, "redistributed"): {"redistribution"},
    (True, "requeued"): {"queued"},
    (True, "closed"): {"reopening", "weighted_random", "queued"},
}
FIRST = {"weighted_random", "queued"}
# By the weights, not by hand.
CHOSEN = {"weighted_random", "drain", "redistribution", "reopening"}
NOT_YET = datetime.max.replace(tzinfo=UTC)


class Span(Protocol):
    """What a period is to the clock."""

    @property
    def pk(self) -> int: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...


class Period(NamedTuple):
    """One row of Assignment."""

    contact_id: int
    pk: int
    operator_id: int | None
    method: str
    started_at: datetime
    ended_at: datetime | None
    ended_as: str
    end_reason: str
    decision: dict[str, Any]


class State(NamedTuple):
    """One row of Contact."""

    pk: int
    status: str
    operator_id: int | None
    version: int
    created_at: datetime
    assigned_at: datetime | None
    closed_at: datetime | None


def periods_by_contact() -> Iterator[tuple[int, list[Period]]]:
    """Return each contact's periods, oldest first, by ascending contact."""
    rows = Assignment.objects.order_by("contact_id", "pk").values_list(*Period._fields)
    periods = (Period(*row) for row in rows.iterator(chunk_size=5_000))
    for contact_id, group in groupby(periods, attrgetter("contact_id")):
        yield contact_id, list(group)


def histories() -> list[Finding]:
    """Compare each contact with its periods, and each period with the next."""
    times = Finding("no two periods at one time")
    chain = Finding("each period ends as the next begins")
    state = Finding("status, operator, times = last period")
    version = Finding("version = moves in the history")
    decision = Finding("each decision explains its period")
    periods_of = dict(periods_by_contact())
    rows = Contact.objects.order_by("pk").values_list(*State._fields)
    for row in rows.iterator(chunk_size=5_000):
        contact = State(*row)
        periods = periods_of.pop(contact.pk, [])
        _compare(times, contact, len(periods), impossible_times(periods))
        _compare(chain, contact, len(periods), _breaks(contact, periods))
        _compare(state, contact, 1, _disagreements(contact, periods))
        _compare(version, contact, 1, _wrong_version(contact, periods))
        _compare(decision, contact, len(periods), _foreign_decisions(periods))
    return [times, chain, state, version, decision]


def impossible_times(periods: Iterable[Span]) -> Iterator[str]:
    """Yield which periods of a contact end before they begin, or begin before another has ended.

    Whatever their order is said to be: this looks at their times alone.
    """
    spans = [(one.started_at, one.ended_at or NOT_YET, one.pk) for one in periods]
    for begin, end, pk in spans:
        if end < begin:
            yield f"period {pk} ends {begin - end} before it begins"
    for (_, end, pk), (begin, _, other) in pairwise(sorted(spans)):
        if begin < end:
            yield f"period {other} begins before period {pk} has ended"


def _compare(finding: Finding, contact: State, count: int, wrong: Iterator[str]) -> None:
    finding.count += count
    for what in wrong:
        finding.add(f"contact {contact.pk}, {contact.status}: {what}")


def _breaks(contact: State, periods: list[Period]) -> Iterator[str]:
    if not periods:
        yield "no periods"
        return
    if periods[0].method not in FIRST:
        yield f"begins with {periods[0].method}"
    if periods[0].started_at < contact.created_at:
        yield "begins before it was received"
    for period, following in pairwise(periods):
        expected = NEXT.get((period.operator_id is not None, period.ended_as), set())
        if following.method not in expected:
            yield f"{period.ended_as or 'nothing'}, then {following.method}"
        if period.ended_at is None:
            yield "two open periods"
        elif period.ended_as == "closed":
            if following.started_at < period.ended_at:
                yield "reopened before it was closed"
        elif following.started_at != period.ended_at:
            yield f"{following.started_at - period.ended_at} between two periods"


def _disagreements(contact: State, periods: list[Period]) -> Iterator[str]:
    if not periods:
        return
    last = periods[-1]
    if contact.status == "closed":
        if last.ended_as != "closed" or last.ended_at != contact.closed_at:
            yield "the last period does not say so"
        if last.operator_id != contact.operator_id:
            yield f"closed by operator {last.operator_id}, kept {contact.operator_id}"
        return
    if last.ended_at is not None:
        yield "the last period has ended"
    if (contact.status == "waiting") != (last.operator_id is None):
        yield f"the last period is {last.method}"
    if contact.operator_id != last.operator_id:
        yield f"has operator {contact.operator_id}, the last period {last.operator_id}"
    if contact.status == "assigned" and contact.assigned_at != last.started_at:
        yield f"assigned at {contact.assigned_at}, the last period since {last.started_at}"


def _wrong_version(contact: State, periods: list[Period]) -> Iterator[str]:
    """Each move but the closing begins a period; the arrival, which is none, counts as 1."""
    expected = len(periods) + sum(period.ended_as == "closed" for period in periods)
    if contact.version != expected:
        yield f"version {contact.version}, by its history {expected}"


def _foreign_decisions(periods: list[Period]) -> Iterator[str]:
    """Each decision is of its own period, and who was chosen could take one more by it."""
    for period in periods:
        decision = period.decision
        said = decision.get("method"), decision.get("operator_id")
        if said != (period.method, period.operator_id):
            yield f"period {period.pk} is {period.method} to {period.operator_id}, decided {said}"
        elif period.method in CHOSEN and not any(
            one["operator_id"] == period.operator_id
            and one["load"] < one["limit"]
            and one["weight"] > 0
            for one in decision["candidates"]
        ):
            yield f"period {period.pk}: operator {period.operator_id} was not available"
