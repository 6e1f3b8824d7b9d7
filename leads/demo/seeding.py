"""Filling an empty database with a demo: a team, some hours of history, and a present."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.db import transaction
from django.utils import timezone

from distribution.models import Operator, Source
from distribution.services import create_operator, create_source, replace_weights
from leads.demo.history import ACTOR, History, PastContact, Player, arrivals
from leads.demo.people import demo_contact
from leads.models import Assignment, Contact, Lead
from leads.services import ContactRequest, register_contact

SOURCE_NAMES = ("Telegram bot A", "web form", "partner API", "Telegram bot B", "call-back form")
QUIET_SOURCE = "Demo: night chat"
SMALL_LIMIT = 2
LEFT_WAITING = 3
BATCH = 500


@dataclass(frozen=True, slots=True)
class Team:
    """Who works in the demo. The last operator is off; the one before serves the quiet source."""

    operators: list[Operator]
    sources: list[Source]
    weights: dict[int, dict[int, int]]

    @property
    def quiet_source(self) -> Source:
        """The source with hardly any operator, where contacts wait."""
        return self.sources[-1]


def is_empty() -> bool:
    """Whether the database has neither operators nor sources."""
    return not (Operator.objects.exists() or Source.objects.exists())


@transaction.atomic
def seed_demo(
    *, operators: int, sources: int, contacts: int, hours: int, rng: Random
) -> Counter[str]:
    """Fill an empty database, all or nothing; return how many contacts there are by status.

    One long transaction that takes many operators' rows: only for a database nobody uses yet.
    """
    team = _create_team(operators, sources, rng)
    places = sum(operator.max_load for operator in team.operators[:-2])
    present = min(contacts // 2, SMALL_LIMIT + LEFT_WAITING + places // 2)
    now = timezone.now()
    lately = min(timedelta(minutes=30), timedelta(hours=hours) / 10)
    people = max(10, contacts * 2 // 3)
    _create_past(
        team,
        count=contacts - present,
        start=now - timedelta(hours=hours),
        length=timedelta(hours=hours) - lately,
        people=people,
        rng=rng,
    )
    _create_present(team, count=present, since=now - lately, until=now, people=people, rng=rng)
    return Counter(Contact.objects.values_list("status", flat=True))


def _create_team(operators: int, sources: int, rng: Random) -> Team:
    """Create regular operators, one with a small limit, one who is off, and their sources."""
    limits = [rng.randint(5, 12) for _ in range(operators - 2)]
    created = [
        create_operator(
            name=f"Demo operator {number}",
            max_load=limit,
            is_active=number < operators,
            actor=ACTOR,
        )
        for number, limit in enumerate([*limits, SMALL_LIMIT, 8], start=1)
    ]
    *regular, small, off = created
    named = [_source_name(number) for number in range(sources - 1)]
    all_sources = [create_source(name=name, actor=ACTOR) for name in [*named, QUIET_SOURCE]]
    weights = {source.pk: _regular_weights(regular, off, rng) for source in all_sources[:-1]}
    weights[all_sources[-1].pk] = {small.pk: 1, off.pk: 3}
    for source_id, weight_of in weights.items():
        replace_weights(source_id, weight_of, actor=ACTOR)
    return Team(created, all_sources, weights)


def _source_name(number: int) -> str:
    name = SOURCE_NAMES[number] if number < len(SOURCE_NAMES) else f"web form {number + 1}"
    return f"Demo: {name}"


def _regular_weights(regular: list[Operator], off: Operator, rng: Random) -> dict[int, int]:
    team = rng.sample(regular, k=max(1, len(regular) * 3 // 4))
    weights = {operator.pk: rng.choice((1, 2, 3, 5, 8)) for operator in [*team, off]}
    others = [operator.pk for operator in regular if operator not in team]
    return weights | dict.fromkeys(others[:1], 0)


def _create_past(
    team: Team, *, count: int, start: datetime, length: timedelta, people: int, rng: Random
) -> None:
    """Store contacts that came and were closed between `start` and the end of `length`."""
    seconds = length.total_seconds()
    # The sources differ in how much they bring, from the first to the quiet one.
    popularity = {source.pk: 1 / rank for rank, source in enumerate(team.sources[:-1], start=2)} | {
        team.quiet_source.pk: 0.05
    }
    past = arrivals(rng, count=count, seconds=0.95 * seconds, popularity=popularity)
    *others, off = (Player(operator.pk, operator.max_load) for operator in team.operators)
    players = [*others, Player(off.operator_id, off.limit, off_at=seconds / 2)]
    History(players, team.weights, rng).play(past, seconds=0.95 * seconds, end=seconds)
    leads: dict[str, Lead] = {}
    for first in range(0, count, BATCH):
        batch = [(one, demo_contact(rng, people=people)) for one in past[first : first + BATCH]]
        _store_leads(batch, leads, start)
        _store_past(batch, leads, start)


def _store_leads(
    batch: list[tuple[PastContact, dict[str, Any]]], leads: dict[str, Lead], start: datetime
) -> None:
    """Create the leads that are new in this batch, as of their first contact."""
    new: dict[str, Lead] = {}
    first_seen: dict[str, datetime] = {}
    for past, request in batch:
        name = request["name"]
        if name not in leads and name not in new:
            new[name] = Lead(name=name, **_keys(request))
            first_seen[name] = start + timedelta(seconds=past.created)
    Lead.objects.bulk_create(new.values())
    for name, lead in new.items():
        lead.created_at = first_seen[name]
    Lead.objects.bulk_update(new.values(), ["created_at"])
    leads.update(new)


def _store_past(
    batch: list[tuple[PastContact, dict[str, Any]]], leads: dict[str, Lead], start: datetime
) -> None:
    stored = Contact.objects.bulk_create(
        Contact(
            lead=leads[request["name"]],
            source_id=past.source_id,
            operator_id=past.operator_id,
            status=Contact.Status.CLOSED,
            supplied=_keys(request),
            name=request["name"],
            message=request.get("message", ""),
            payload=request["payload"],
            created_at=start + timedelta(seconds=past.created),
            assigned_at=start + timedelta(seconds=past.assigned),
            closed_at=start + timedelta(seconds=past.closed),
        )
        for past, request in batch
    )
    Assignment.objects.bulk_create(
        period
        for contact, (past, _) in zip(stored, batch, strict=True)
        for period in _periods(contact, past, start)
    )


def _periods(contact: Contact, past: PastContact, start: datetime) -> Iterator[Assignment]:
    """Yield a past contact's time in the queue, if it had to wait, and with its operator."""
    assigned_at = start + timedelta(seconds=past.assigned)
    if past.assigned > past.created:
        yield Assignment(
            contact=contact,
            method=Assignment.Method.QUEUED,
            decision={"method": "queued", "by": ACTOR, "operator_id": None},
            started_at=contact.created_at,
            ended_at=assigned_at,
            ended_as=Assignment.End.ASSIGNED,
            ended_by=ACTOR,
        )
    yield Assignment(
        contact=contact,
        operator_id=past.operator_id,
        method=past.method,
        decision=past.decision,
        started_at=assigned_at,
        ended_at=start + timedelta(seconds=past.closed),
        ended_as=Assignment.End.CLOSED,
        ended_by=ACTOR,
    )


def _keys(request: dict[str, Any]) -> dict[str, str]:
    return {key: request[key] for key in ("external_id", "email", "phone") if key in request}


def _create_present(
    team: Team, *, count: int, since: datetime, until: datetime, people: int, rng: Random
) -> None:
    """Let contacts arrive as bots send them, so that loads are right; then spread their times."""
    quiet = [team.quiet_source.pk] * (SMALL_LIMIT + LEFT_WAITING)
    others = [rng.choice(team.sources[:-1]).pk for _ in range(count - len(quiet))]
    source_ids = quiet + others
    rng.shuffle(source_ids)
    for source_id, moment in zip(source_ids, _moments(since, until, count), strict=True):
        request = ContactRequest(source_id=source_id, **demo_contact(rng, people=people))
        receipt = register_contact(request, actor=ACTOR, rng=rng).receipt
        contact = Contact.objects.filter(pk=receipt["id"])
        contact.update(created_at=moment)
        if receipt["operator_id"] is not None:
            contact.update(assigned_at=moment)
        Assignment.objects.filter(contact_id=receipt["id"]).update(started_at=moment)


def _moments(since: datetime, until: datetime, count: int) -> Iterator[datetime]:
    step = (until - since) / (count + 1)
    return (since + step * number for number in range(1, count + 1))
