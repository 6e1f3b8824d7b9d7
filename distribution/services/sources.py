"""Creating and changing sources."""

from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction

from distribution.models import Source
from distribution.services.locks import lock_source
from distribution.signals import capacity_freed
from minicrm.errors import Conflict, NotFound
from minicrm.transactions import retried


class SourceChanges(TypedDict, total=False):
    """What may be changed of a source."""

    name: str
    is_active: bool


@retried
def create_source(*, name: str, is_active: bool = True) -> Source:
    """Create a source; without weights its contacts wait. Raises Conflict for a name in use."""
    return _saved(Source(name=name, is_active=is_active))


@retried
def update_source(source_id: int, *, actor: str, **changes: Unpack[SourceChanges]) -> Source:
    """Change a source; switching it on assigns what waits. Raises NotFound, Conflict."""
    try:
        source = lock_source(source_id)
    except Source.DoesNotExist:
        raise source_not_found(source_id) from None
    was_active = source.is_active
    for field, value in changes.items():
        setattr(source, field, value)
    _saved(source, update_fields=list(changes))
    if source.is_active and not was_active:
        capacity_freed.send(sender=Source, source_ids={source_id}, actor=actor)
    return source


def _saved(source: Source, *, update_fields: list[str] | None = None) -> Source:
    try:
        with transaction.atomic():
            source.save(update_fields=update_fields)
    except IntegrityError:
        raise Conflict(
            "source_name_taken", f"There is a source named {source.name!r} already.", field="name"
        ) from None
    return source


def source_not_found(source_id: int, *, field: str | None = None) -> NotFound:
    """Return the error for a source that does not exist, named in `field`."""
    return NotFound("source_not_found", f"There is no source {source_id}.", field=field)
