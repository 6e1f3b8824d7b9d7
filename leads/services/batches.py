"""Storing many contacts at once: a batch of rows, in order, in one transaction.

What comes of it is what `register_contact` makes of the same rows one after the other.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from django.db import IntegrityError, OperationalError, connection
from django.utils import timezone

from distribution.models import Source
from distribution.services import Claim, FreePlaces
from distribution.services.free_places import PlacesTaken
from distribution.services.sources import source_not_found
from leads.models import Assignment
from leads.services.batch_contacts import Row, write_contacts
from leads.services.batch_leads import identify_leads
from leads.services.batch_sql import among
from leads.services.idempotency import IMPORT_SCOPE, Once
from leads.services.registration import Registration
from minicrm.errors import ServiceError
from minicrm.transactions import LOCK_NOT_AVAILABLE, retried, sqlstate

Outcome = Registration | ServiceError

METHOD = str(Assignment.Method.WEIGHTED_RANDOM)
IMPORTS = 7_201_184_365  # any number, for PostgreSQL's advisory locks
LOOKS = 3  # again, at what the database refuses
ANSWERS = """
SELECT key, response FROM leads_idempotencyrecord
WHERE scope = %s AND response IS NOT NULL AND """


class _NobodyFree(Exception):
    """Contacts of these sources would have to wait, and the sources' rows are not held."""

    def __init__(self, source_ids: Collection[int]) -> None:
        super().__init__(source_ids)
        self.source_ids = source_ids


@dataclass(frozen=True, slots=True)
class _Way:
    """How to go about a batch.

    Of the sources in `hold` contacts may join the queue, and their rows are held. Not of all, as
    everybody who closes a contact would have to wait. With `operators_first` their rows are held
    from the choice on; else only at the end: they have others to serve meanwhile.
    """

    hold: frozenset[int]
    operators_first: bool = False


class RowStore:
    """Stores batches of rows, each row once, in the order given."""

    def __init__(self, *, actor: str, rng: Random | None = None) -> None:
        """Draw with `rng`, which must be one that has a state; by default one of its own."""
        self._actor = actor
        self._rng = rng or Random()  # noqa: S311
        self._full: set[int] = set()  # sources that had nobody for one more, when last seen

    def store(self, rows: Sequence[Row]) -> list[Outcome]:
        """Return what became of each row; one that was stored before gets its answer again.

        A row whose source is not there any more is refused, and that touches no other.
        """
        # Whoever has to run again draws the same numbers again. New ones would take from those who
        # are nearly full: it is their places that are gone sometimes.
        state = self._rng.getstate()
        operators_first, refused_by_database = False, 0
        while rows:
            way = _Way(frozenset(self._full), operators_first)
            try:
                outcomes, still_free = _store(rows, way, self._rng, state, actor=self._actor)
            except IntegrityError:
                # A source that was deleted after the look, mostly: the next look refuses its rows.
                refused_by_database += 1
                if refused_by_database > LOOKS:
                    raise
            except PlacesTaken:
                operators_first = True
            except _NobodyFree as nobody:
                self._full |= set(nobody.source_ids)
            else:
                self._full |= {row.request.source_id for row in rows} - still_free
                self._full -= still_free
                return outcomes
        return []


@retried
def _store(
    rows: Sequence[Row], way: _Way, rng: Random, state: Any, *, actor: str
) -> tuple[list[Outcome], set[int]]:
    """Store the rows in one transaction; return the sources, too, that could take one more.

    Raises _NobodyFree and PlacesTaken.
    """
    rng.setstate(state)
    _let_no_other_import_in()
    received_at = timezone.now()
    settled = answers_to(row.once for row in rows) | _refused(rows)
    new = [row for row in rows if row.once.key not in settled]
    lead_ids = identify_leads([(row.keys, row.request.name) for row in new])
    held = _hold(way.hold & {row.request.source_id for row in new})
    places = FreePlaces(
        {row.request.source_id for row in new}, lock_later=not way.operators_first, rng=rng
    )
    claims = _claims(new, places, held, actor=actor)
    written = write_contacts(new, lead_ids, claims, received_at=received_at)
    places.save()
    settled |= {row.once.key: answer for row, answer in zip(new, written, strict=True)}
    return [settled[row.once.key] for row in rows], set(places.sources())


def answers_to(rows: Iterable[Once]) -> dict[str, Outcome]:
    """Return what those of the rows became that were stored before, by key."""
    condition, keys = among("key", [row.key for row in rows])
    # Django's, which prepares nothing: a plan of when the table was small reads all of it.
    with connection.cursor() as cursor:
        cursor.execute(ANSWERS + condition, [IMPORT_SCOPE, keys])
        answers = cursor.fetchall()
    return {key: Registration(json.loads(answer), replayed=True) for key, answer in answers}


def _let_no_other_import_in() -> None:
    """Wait for another import to commit, and keep others waiting until we do.

    Two of them might come with the same people or rows in different orders, and each wait for
    what the other one has inserted. SQLite has one writer anyway.
    """
    if connection.vendor == "postgresql":
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [IMPORTS])
        except OperationalError as error:
            if sqlstate(error) != LOCK_NOT_AVAILABLE:
                raise
            raise OperationalError("Another import is under way.") from error.__cause__


def _refused(rows: Sequence[Row]) -> dict[str, Outcome]:
    """Return the refusals of rows whose source does not exist, by key."""
    source_ids = {row.request.source_id for row in rows}
    missing = source_ids - set(Source.objects.in_bulk(source_ids))
    return {
        row.once.key: source_not_found(row.request.source_id, field="source_id")
        for row in rows
        if row.request.source_id in missing
    }


def _hold(source_ids: Collection[int]) -> dict[int, bool]:
    """Take the rows of sources exclusively, by id; return whether each is active."""
    if not source_ids:
        return {}
    sources = Source.objects.select_for_update(no_key=True).filter(pk__in=source_ids)
    return dict(sources.order_by("pk").values_list("pk", "is_active"))


def _claims(
    rows: Sequence[Row], places: FreePlaces, held: dict[int, bool], *, actor: str
) -> list[Claim]:
    """Take a place for each row; where nobody has one, it waits. Raises _NobodyFree."""
    claims = []
    for row in rows:
        source_id = row.request.source_id
        claim = places.claim(source_id=source_id, method=METHOD, actor=actor)
        if claim is None:
            if source_id not in held:
                raise _NobodyFree({row.request.source_id for row in rows} - set(places.sources()))
            claim = places.queued(source_id=source_id, actor=actor)
            if not held[source_id]:
                claim.decision["source_inactive"] = True
        claims.append(claim)
    return claims
