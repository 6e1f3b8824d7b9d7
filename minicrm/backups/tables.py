"""Which tables a backup holds, in which order, and how their values look as JSON."""

import json
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, Field, Model

from minicrm.backups.manifest import ArchiveError

# Who is signed in, and who guessed at passwords: of the moment, and cleared by a restore.
EXCLUDED_APPS = frozenset({"sessions", "axes"})
# A page of rows is held in memory; a row may have 80 KB.
PAGE_ROWS = 500


def managed_models() -> list[type[Model]]:
    """Return the models of all tables that Django manages, those between two models included."""
    models = apps.get_models(include_auto_created=True)
    return [model for model in models if model._meta.managed and not model._meta.proxy]


def backed_up_models() -> list[type[Model]]:
    """Return the models of a backup's tables; what others refer to comes before them."""
    models = {
        model: [field.related_model for field in model._meta.local_concrete_fields]
        for model in managed_models()
        if model._meta.app_label not in EXCLUDED_APPS
    }
    graph = {
        model: {other for other in others if other in models and other is not model}
        for model, others in models.items()
    }
    return list(TopologicalSorter(graph).static_order())


def table_name(model: type[Model]) -> str:
    """Return the name that the table has in archives, such as auth.user."""
    return model._meta.label_lower


def columns(model: type[Model]) -> list["Field[Any, Any]"]:
    """Return the fields that are stored, in the order of the model; not what the database fills."""
    return [
        field
        for field in model._meta.local_concrete_fields
        if not field.generated and not getattr(field, "is_of_the_database", False)
    ]


def counts_up(model: type[Model]) -> bool:
    """Whether the database numbers the rows."""
    return isinstance(model._meta.pk, AutoField) or model._meta.auto_field is not None


def read_rows(model: type[Model], connection: BaseDatabaseWrapper) -> Iterator[dict[str, Any]]:
    """Yield the rows in order of their keys, page by page: a few are in memory at any time.

    In pages rather than by a cursor, so that no single statement takes long.
    """
    names = [field.attname for field in columns(model)]
    key = names.index(model._meta.pk.attname)
    query = model._base_manager.order_by("pk").values_list(*names)
    page = query[:PAGE_ROWS]
    while True:
        compiler = page.query.get_compiler(connection=connection)
        rows = list(compiler.results_iter(tuple_expected=True))
        for row in rows:
            yield dict(zip(names, row, strict=True))
        if len(rows) < PAGE_ROWS:
            return
        page = query.filter(pk__gt=rows[-1][key])[:PAGE_ROWS]


def row_as_line(row: dict[str, Any]) -> bytes:
    """Return a row as a line of JSON."""
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=_as_text)
    return text.encode() + b"\n"


def _as_text(value: object) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"No backup is written of a value of {type(value)}.")


def line_as_values(
    line: bytes, fields: list["Field[Any, Any]"], connection: BaseDatabaseWrapper
) -> list[Any]:
    """Return a line's values as the database takes them; raise ArchiveError for a line of another.

    Not by save(), which would put today's date where the model does so.
    """
    try:
        row = json.loads(line)
        given = [field.to_python(row.pop(field.attname)) for field in fields]
    except (ValueError, KeyError, AttributeError, TypeError, ValidationError) as error:
        raise ArchiveError(
            f"a row has not the columns and types of its table ({error})."
        ) from error
    if row:
        raise ArchiveError(f"a row has columns that its table has not: {', '.join(row)}.")
    return [
        field.get_db_prep_save(value, connection)
        for field, value in zip(fields, given, strict=True)
    ]
