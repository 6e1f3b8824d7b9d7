"""Creating and changing sources."""

from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, transaction

from distribution import audit
from distribution.models import Source
from distribution.services.locks import lock_source
from distribution.signals import announce
from minicrm.errors import Conflict, NotFound
from minicrm.transactions import retried


class SourceChanges(TypedDict, total=False):
    """What may be changed of a source."""

    name: str
    is_active: bool


@retried
def create_source(*, name: str, is_active: bool = True, actor: str) -> Source:
    """Create a source; without weights its contacts wait. Raises Conflict for a name in use."""
    source = _saved(Source(name=name, is_active=is_active))
    record_source("created", source, actor=actor, after=facts_of(source))
    return source


def update_source(source_id: int, *, actor: str, **changes: Unpack[SourceChanges]) -> Source:
    """Change a source; switching it on assigns what waits. Raises NotFound, Conflict.

    A long queue is assigned in several transactions; the change shows with the last of them.
    """
    while True:
        source, finished = _update(source_id, actor=actor, changes=changes)
        if finished:
            return source


@retried
def _update(source_id: int, *, actor: str, changes: SourceChanges) -> tuple[Source, bool]:
    """Make the change, or assign as much of what waits for it as one transaction should."""
    source = locked_source(source_id)
    before = facts_of(source)
    _write(source, changes)
    finished = True
    if source.is_active and not before["is_active"]:
        cause = {"change": "source", "source_id": source_id}
        finished = announce(source_ids=[source_id], operator_ids=None, actor=actor, cause=cause)
    if not finished:
        _write(source, before)
    record_source("changed", source, actor=actor, before=before, after=facts_of(source))
    return source, finished


def source_not_found(source_id: int, *, field: str | None = None) -> NotFound:
    """Return the error for a source that does not exist, named in `field`."""
    return NotFound("source_not_found", f"There is no source {source_id}.", field=field)


def locked_source(source_id: int) -> Source:
    """Return a source with its row locked exclusively. Raises NotFound."""
    try:
        return lock_source(source_id)
    except Source.DoesNotExist:
        raise source_not_found(source_id) from None


def facts_of(source: Source) -> SourceChanges:
    """Return what may be changed of a source, as it is now."""
    return {"name": source.name, "is_active": source.is_active}


def _write(source: Source, changes: SourceChanges) -> None:
    for field, value in changes.items():
        setattr(source, field, value)
    _saved(source, update_fields=list(changes))


def _saved(source: Source, *, update_fields: list[str] | None = None) -> Source:
    try:
        with transaction.atomic():
            source.save(update_fields=update_fields)
    except IntegrityError:
        raise Conflict(
            "source_name_taken", f"There is a source named {source.name!r} already.", field="name"
        ) from None
    return source


def record_source(action: str, source: Source, *, actor: str, **states: Any) -> None:
    """Record what was done to a source."""
    audit.record(
        actor=actor,
        action=action,
        obj_type="source",
        object_id=source.pk,
        object_name=source.name,
        **states,
    )
