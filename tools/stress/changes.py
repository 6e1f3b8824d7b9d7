"""What became of the changes of settings: those acknowledged are stored, and on record."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from typing import Any

from distribution.models import AuditEvent, Operator, OperatorSourceWeight, Source
from tools.stress.answers import Record
from tools.stress.checks import Finding

MODELS: dict[str, type[Operator | Source | OperatorSourceWeight]] = {
    "operators": Operator,
    "sources": Source,
    "operator-sources": OperatorSourceWeight,
}
MEMBERS = {
    "operators": ("name", "is_active", "max_load"),
    "sources": ("name", "is_active"),
    "operator-sources": ("weight",),
}


def settings_kept(records: Collection[Record]) -> Finding:
    """The last change of each setting is what is stored, if it was acknowledged."""
    last = {_object_of(record): record for record in records}
    finding = Finding("acknowledged settings are stored")
    for (kind, pk), record in last.items():
        if record["status"] == 200:
            finding.count += 1
            wanted = {name: record["got"][name] for name in MEMBERS[kind]}
            stored = _stored(kind, pk)
            if stored != wanted:
                finding.add(f"{kind} {pk}: {stored}, acknowledged {wanted}")
    return finding


def changes_on_record(records: Collection[Record]) -> Finding:
    """Each acknowledged change is an audit event, and the events lead to the present settings."""
    changed = Counter(_object_of(record) for record in records if record["status"] == 200)
    finding = Finding("audit events lead to the present")
    events_of: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
    rows = AuditEvent.objects.filter(object_type__in=("operator", "source")).order_by("pk")
    for row in rows.values("object_type", "object_id", "before", "after").iterator(5_000):
        events_of[row["object_type"] + "s", row["object_id"]].append(row)
    for (kind, pk), events in events_of.items():
        finding.count += len(events)
        for what in _breaks(events, _stored(kind, pk), changed[kind, pk]):
            finding.add(f"{kind} {pk}: {what}")
    return finding


def _breaks(events: list[Any], stored: dict[str, Any] | None, changed: int) -> Iterator[str]:
    state = None
    for event in events:
        if event["before"] != state:
            yield f"{state}, then changed from {event['before']}"
        state = event["after"]
    if state != stored:
        yield f"is {stored}, the last event says {state}"
    # The first tells of the creation; a change that empties a long queue may take several.
    if len(events) - 1 < changed:
        yield f"{changed} changes acknowledged, {len(events) - 1} events"


def _object_of(record: Record) -> tuple[str, int]:
    _, kind, pk = record["path"].removesuffix("/switch-off/").split("/")
    return kind, int(pk)


def _stored(kind: str, pk: int) -> dict[str, Any] | None:
    rows = MODELS[kind]._default_manager.filter(pk=pk).values(*MEMBERS[kind])
    return next(iter(rows), None)
