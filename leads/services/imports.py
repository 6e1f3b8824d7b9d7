"""Importing contacts from rows, each once, however often a file is read."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from django.db import transaction

from leads.identity import LeadKeys
from leads.services import idempotency
from leads.services.batch_contacts import Row
from leads.services.batches import Outcome, RowStore, answers_to
from leads.services.idempotency import Once
from leads.services.import_sources import ACTOR, SourceFinder
from leads.services.registration import ContactRequest, Registration, checked_keys
from minicrm.errors import Invalid, ServiceError
from minicrm.transactions import retried, retried_read


@dataclass(slots=True)
class Tally:
    """What became of the rows so far; `got` counts contacts by source and operator."""

    imported: int = 0
    replayed: int = 0
    rejected: int = 0
    waiting: int = 0
    got: defaultdict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def total(self) -> int:
        """All rows that were looked at."""
        return self.imported + self.replayed + self.rejected

    def add(self, registration: Registration) -> None:
        """Count a row that is stored."""
        if registration.replayed:
            self.replayed += 1
            return
        self.imported += 1
        operator_id = registration.receipt["operator_id"]
        if operator_id is None:
            self.waiting += 1
        else:
            self.got[registration.receipt["source_id"]][operator_id] += 1


class ContactImport:
    """Stores rows in the order given, as many at once as it is given.

    A row is known by the batch it belongs to, by its content, and by how many equal ones came
    before it. So two equal rows are two contacts, reading the file again, also with rows added,
    stores only what is new, and equal rows of another batch are contacts of their own. With
    `rehearse` rows are checked and recognised, and nothing is stored.
    """

    def __init__(
        self,
        sources: SourceFinder,
        *,
        batch: str,
        rehearse: bool = False,
        rng: Random | None = None,
    ) -> None:
        self._sources = sources
        self._batch = batch
        self._rehearse = rehearse
        self._seen: Counter[bytes] = Counter()
        self._store = RowStore(actor=ACTOR, rng=rng)

    def add(self, rows: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """Store rows: a ContactRequest's values each, and the name of the `source`.

        Return for each what it became, or why it is refused. One transaction for all, if nobody
        has to wait: so a hundred rows are better than a thousand.
        """
        named = list(map(self._named, rows))
        if self._rehearse:
            return self._rehearsed(named)
        checked = self._checked(named)
        stored = iter(self._store.store([one for one in checked if isinstance(one, Row)]))
        return [next(stored) if isinstance(one, Row) else one for one in checked]

    def _named(self, values: Mapping[str, Any]) -> "_Named | ServiceError":
        """Return what the row is known by."""
        values = dict(values)
        source = values.pop("source", None)
        try:
            identity = self._sources.identity(source)
        except ServiceError as error:
            return error
        digest = idempotency.digest_of([self._batch, identity, values])
        short = bytes.fromhex(digest)[:16]  # kept for every row of the file
        # Counted first: a row that is refused now has its number when it is taken later.
        self._seen[short] += 1
        key = f"{digest}:{self._seen[short]}"
        once = Once(scope=idempotency.IMPORT_SCOPE, key=key, digest=digest)
        return _Named(source, values, once)

    def _checked(self, rows: Sequence["_Named | ServiceError"]) -> list[Row | Outcome]:
        """Return those that can be stored as Row, what became of the others before, or why not."""
        known = retried_read(answers_to)([row.once for row in rows if isinstance(row, _Named)])
        if known:
            _wait_for_the_disk()
        return [
            # Known rows need no source: theirs may have another name by now.
            (known.get(row.once.key) or self._row(row)) if isinstance(row, _Named) else row
            for row in rows
        ]

    def _row(self, row: "_Named") -> Row | ServiceError:
        try:
            request = ContactRequest(source_id=self._sources.find(row.source), **row.values)
            return Row(request, keys_of(request), row.once)
        except ServiceError as error:
            return error

    @retried
    def _rehearsed(self, rows: Sequence["_Named | ServiceError"]) -> list[Outcome]:
        """Do all but store the rows; the sources that are created for them go again."""
        try:
            return [
                Registration(
                    {"source_id": row.request.source_id, "operator_id": None}, replayed=False
                )
                if isinstance(row, Row)
                else row
                for row in self._checked(rows)
            ]
        finally:
            transaction.set_rollback(True)
            self._sources.forget()


@retried
def _wait_for_the_disk() -> None:
    """Return when what others had committed before is on the disk.

    To read outside of a transaction is to see rows of SQLite's some milliseconds before that, and
    that another import has just stored a row is told as a fact.
    """


@dataclass(frozen=True, slots=True)
class _Named:
    """A row, the name of its source, and what it is known by."""

    source: str | None
    values: dict[str, Any]
    once: Once


def keys_of(request: ContactRequest) -> LeadKeys:
    """Return the keys of a request in their normal forms. Raises Invalid, also for none at all."""
    keys = checked_keys(external_id=request.external_id, email=request.email, phone=request.phone)
    if not keys.present():
        raise Invalid("lead_key_required", "Give at least one of external_id, email, phone.")
    return keys
