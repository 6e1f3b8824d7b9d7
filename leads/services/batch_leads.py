"""The leads of a batch of rows: found, created and completed with a few statements for all.

What comes of it is what `identify_lead` makes of the same rows one after the other.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from leads.identity import LeadKeys
from leads.models import LeadConflict
from leads.services.batch_sql import LEADS, among, insert_rows, stored
from leads.services.identification import MAX_TRIES
from minicrm.transactions import RunAgain

OWNERS = """
SELECT id, external_id, email, phone, name, merged_into_id FROM leads_lead WHERE """
KEYS = ("external_id", "email", "phone")
FILL_IN = """
UPDATE leads_lead SET external_id = %s, email = %s, phone = %s, name = %s WHERE id = %s
"""


@dataclass(slots=True, eq=False)
class Person:
    """A lead's row as it will be when the batch is written; `pk` 0 stands for a new one."""

    pk: int
    external_id: str | None
    email: str | None
    phone: str | None
    name: str
    merged_into_id: int | None = None


def identify_leads(wanted: Sequence[tuple[LeadKeys, str]]) -> list[int]:
    """Return the lead of each set of keys, with a name for those that have none, in this order.

    All rows of leads are locked in one walk by id, and then what is new is inserted: before any
    row of a source or an operator is asked for. Raises RunAgain when somebody else has just come
    with one of the keys, as the row of that lead was not among those locked.
    """
    leads = _Leads([keys for keys, _ in wanted])
    found = [leads.lead_of(keys, name=name) for keys, name in wanted]
    leads.save()
    return [lead.pk for lead in found]


class _Leads:
    """The leads that the keys of a batch lead to, as they will be when all is written."""

    def __init__(self, keys: Collection[LeadKeys]) -> None:
        """Lock the owners of the keys, and the leads that these were merged into."""
        found = _locked(keys)
        self._owners = {
            (key, value): found[person.merged_into_id or person.pk]
            for person in found.values()
            for key in KEYS
            if (value := getattr(person, key)) is not None
        }
        self._new: list[Person] = []
        self._changed: dict[int, Person] = {}
        self._conflicts: list[tuple[Person, Person, str]] = []

    def lead_of(self, keys: LeadKeys, *, name: str) -> Person:
        """Return the lead of these keys, as `identify_lead` would."""
        present = keys.present()
        owners = {
            key: owner
            for key, value in present.items()
            if (owner := self._owners.get((key, value)))
        }
        if not owners:
            lead = Person(0, keys.external_id, keys.email, keys.phone, name)
            self._new.append(lead)
            self._owners |= dict.fromkeys(present.items(), lead)
            return lead
        lead = next(iter(owners.values()))
        self._fill_in(lead, {key: present[key] for key in present if key not in owners}, name)
        self._conflicts += [
            (lead, other, key) for key, other in owners.items() if other is not lead
        ]
        return lead

    def save(self) -> None:
        """Write the new leads, which get their ids, what was filled in, and the conflicts."""
        self._insert()
        self._update()
        LeadConflict.objects.bulk_create(
            [
                LeadConflict(lead_id=lead.pk, other_lead_id=other.pk, key=key)
                for lead, other, key in self._conflicts
            ],
            ignore_conflicts=True,
        )

    def _fill_in(self, lead: Person, unowned: dict[str, str], name: str) -> None:
        missing = {key: value for key, value in unowned.items() if getattr(lead, key) is None}
        for key, value in missing.items():
            setattr(lead, key, value)
            self._owners[key, value] = lead
        named = bool(name and not lead.name)
        if named:
            lead.name = name
        if (missing or named) and lead.pk:
            self._changed[lead.pk] = lead

    def _insert(self) -> None:
        now = stored(timezone.now())
        rows = [
            {"external_id": lead.external_id, "email": lead.email, "phone": lead.phone}
            | {"name": lead.name, "created_at": now}
            for lead in self._new
        ]
        ids = insert_rows("leads_lead", LEADS, rows, where_new=True)
        if len(ids) < len(rows):
            raise RunAgain("somebody else has just come with a key of a new lead")
        for lead, pk in zip(self._new, ids, strict=True):
            lead.pk = pk

    def _update(self) -> None:
        rows = [
            (lead.external_id, lead.email, lead.phone, lead.name, pk)
            for pk, lead in sorted(self._changed.items())
        ]
        if not rows:
            return
        try:
            with connection.cursor() as cursor:
                cursor.executemany(FILL_IN, rows)
        except IntegrityError:
            raise RunAgain("somebody else has just come with a key to be filled in") from None


def _locked(keys: Collection[LeadKeys]) -> dict[int, Person]:
    """Return the owners of the keys and whom these lead to, all locked in one walk by id.

    Where an owner leads is known for sure only under its lock. If somewhere else, a rollback to a
    savepoint gives the locks back, and the next walk takes that one too.
    """
    if not keys:
        return {}
    roots: set[int] = set()
    for _ in range(MAX_TRIES):
        with transaction.atomic():
            found = _walk(keys, roots)
            led_to = (person.merged_into_id for person in found.values())
            missing = {pk for pk in led_to if pk is not None and pk not in found}
            if not missing:
                return found
            roots |= missing
            transaction.set_rollback(True)
    raise RunAgain("leads are merged faster than they can be read")


def _walk(keys: Collection[LeadKeys], roots: Collection[int]) -> dict[int, Person]:
    owned = [among(key, {getattr(one, key) for one in keys} - {None}) for key in KEYS]
    conditions, values = zip(*owned, among("id", roots), strict=True)
    statement = OWNERS + " OR ".join(conditions) + " ORDER BY id"
    if connection.vendor == "postgresql":
        statement += " FOR NO KEY UPDATE"
    # Django's, which prepares nothing: a plan that knows no keys may read the whole table.
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return {row[0]: Person(*row) for row in cursor.fetchall()}
