"""Importing contacts row by row, each once, however often a file is read."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from distribution.models import Source
from distribution.services import create_source
from leads.services import idempotency
from leads.services.idempotency import Once
from leads.services.registration import ContactRequest, Registration, register_contact
from minicrm.errors import Conflict, Invalid, NotFound
from minicrm.schemas import MAX_ID
from minicrm.transactions import retried

ACTOR = "import"


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


class SourceFinder:
    """Finds the source of each row, and creates those that are missing if that is wished."""

    def __init__(self, *, fixed: Source | None, default: str | None, create: bool) -> None:
        """Serve `fixed` for every row, or the source the row names, `default` where it is blank."""
        self._fixed = fixed
        self._default = default
        self._create = create
        self._known: dict[str, int] = {}

    def identity(self, name: str | None) -> str:
        """Return what stands for the source in a row's identity. Raises Invalid for none at all.

        That is the id where one source was named for all rows, and the row's own word elsewhere:
        renaming a source makes no known row look new.
        """
        if self._fixed is not None:
            return f"id:{self._fixed.pk}"
        return f"name:{self._name(name)}"

    def find(self, name: str | None) -> int:
        """Return the source's id. Raises Invalid, NotFound."""
        if self._fixed is not None:
            return self._fixed.pk
        name = self._name(name)
        if name not in self._known:
            self._known[name] = self._look_up(name)
        return self._known[name]

    def forget(self) -> None:
        """Look every source up again: what was created has been rolled back."""
        self._known.clear()

    def _name(self, name: str | None) -> str:
        name = name or self._default
        if name is None:
            raise Invalid("source_required", "The row names no source, and there is no default.")
        return name

    def _look_up(self, name: str) -> int:
        found = Source.objects.filter(name=name).values_list("pk", flat=True)
        if self._create and not found.exists():
            try:
                return create_source(name=name, actor=ACTOR).pk
            except Conflict:
                pass  # somebody else has just created it
        source_id = found.first()
        if source_id is None:
            raise NotFound("source_not_found", f"There is no source named {name!r}.")
        return source_id


def source_named(name_or_id: str) -> Source | None:
    """Return the source of that name, else the one of that id, else None."""
    found = Source.objects.filter(name=name_or_id).first()
    if found is None and name_or_id.isascii() and name_or_id.isdigit():
        number = int(name_or_id[:20])
        found = Source.objects.filter(pk=number).first() if number <= MAX_ID else None
    return found


class ContactImport:
    """Stores rows in the order given, each in a transaction of its own.

    A row is known by the batch it belongs to, by its content, and by how many equal ones came
    before it. So two equal rows are two contacts, reading the file again, also with rows added,
    stores only what is new, and equal rows of another batch are contacts of their own. With
    `rehearse` every row is rolled back.
    """

    def __init__(self, sources: SourceFinder, *, batch: str, rehearse: bool = False) -> None:
        self._sources = sources
        self._batch = batch
        self._rehearse = rehearse
        self._seen: Counter[bytes] = Counter()

    def add(self, values: dict[str, Any]) -> Registration:
        """Store one row: a ContactRequest's values and the name of the `source`.

        Raises what `register_contact` raises.
        """
        values = dict(values)
        name = values.pop("source", None)
        digest = idempotency.digest_of([self._batch, self._sources.identity(name), values])
        short = bytes.fromhex(digest)[:16]  # kept for every row of the file
        # Counted first: a row that is refused now has its number when it is taken later.
        self._seen[short] += 1
        key = f"{digest}:{self._seen[short]}"
        once = Once(scope=idempotency.IMPORT_SCOPE, key=key, digest=digest)
        # Known rows need no source: theirs may have another name by now.
        known = idempotency.find(scope=once.scope, key=once.key)
        if known is not None and known.response is not None:
            return Registration(known.response, replayed=True)
        store = self._rehearsed if self._rehearse else self._stored
        return store(name, values, once)

    def _stored(self, name: str | None, values: dict[str, Any], once: Once) -> Registration:
        request = ContactRequest(source_id=self._sources.find(name), **values)
        return register_contact(request, actor=ACTOR, once=once)

    @retried
    def _rehearsed(self, name: str | None, values: dict[str, Any], once: Once) -> Registration:
        try:
            return self._stored(name, values, once)
        finally:
            transaction.set_rollback(True)
            self._sources.forget()
