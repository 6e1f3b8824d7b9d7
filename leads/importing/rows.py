"""From the cells of a row to a contact under the rules of the API."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from django.conf import settings
from ninja import Field
from pydantic import ValidationError

from distribution.models import NAME_LENGTH
from leads.importing.csv_file import ImportFileError
from leads.schemas import ContactIn
from minicrm.schemas import VisibleLine
from minicrm.text import is_blank
from minicrm.validation import field_errors

KEYS = ("external_id", "email", "phone")
FIELDS = (*KEYS, "name", "message")

SourceName = Annotated[VisibleLine, Field(max_length=NAME_LENGTH)]


class RowError(Exception):
    """One row cannot be taken; the message says why."""


class ImportedContact(ContactIn):
    """A row under the rules of the API, with the name of its source."""

    source: SourceName | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of the file means what: field name to column name."""

    fields: dict[str, str]
    payload: Sequence[str] = ()
    source: str | None = None
    _at: dict[str, int] = field(default_factory=dict)

    @classmethod
    def choose(
        cls,
        header: Sequence[str],
        *,
        fields: dict[str, str],
        payload: Sequence[str],
        payload_rest: bool,
        source: str | None,
    ) -> Self:
        """Return the mapping, checked against the header. Raises ImportFileError."""
        if not fields.keys() & set(KEYS):
            raise ImportFileError(
                "Name at least one of --external-id, --email, --phone: a contact without any of"
                " them belongs to nobody."
            )
        named = [*fields.values(), *payload, *([source] if source else [])]
        for column in named:
            if header.count(column) != 1:
                problem = "no" if column not in header else "more than one"
                raise ImportFileError(
                    f"The file has {problem} column {column!r}; its columns: {', '.join(header)}."
                )
        rest = [column for column in dict.fromkeys(header) if column not in named]
        at = {column: header.index(column) for column in header}
        return cls(fields, [*payload, *rest] if payload_rest else payload, source, at)

    def read(self, cells: Sequence[str]) -> dict[str, Any]:
        """Return what the cells say, under the API's names; blank ones say nothing."""
        values: dict[str, Any] = {
            name: cells[self._at[column]]
            for name, column in (
                self.fields | ({"source": self.source} if self.source else {})
            ).items()
        }
        values = {name: text for name, text in values.items() if not is_blank(text)}
        payload = {column: cells[self._at[column]] for column in self.payload}
        if payload := {column: text for column, text in payload.items() if text.strip()}:
            values["payload"] = payload
        return values


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values in the form the API would store them in. Raises RowError."""
    try:
        contact = ImportedContact.model_validate(values)
    except ValidationError as error:
        raise RowError(_reason(error)) from None
    if len(json.dumps(values, ensure_ascii=False).encode()) > settings.API_MAX_BODY_BYTES:
        raise RowError(f"larger than {settings.API_MAX_BODY_BYTES // 1024} KiB")
    return contact.model_dump(exclude_none=True)


def checked_source_name(name: str) -> str:
    """Return a source's name in its one spelling. Raises RowError."""
    return str(checked({"source": name})["source"])


def _reason(error: ValidationError) -> str:
    problems = field_errors(error.errors())
    return "; ".join(f"{item['field']}: {item['message']}" for item in problems)
