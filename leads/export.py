"""Contacts as lines of a CSV file that a spreadsheet can open without harm.

UTF-8 with a byte order mark, which Excel needs to read anything but English, and other programs
skip. A cell that a spreadsheet would take for a formula gets an apostrophe in front. Phone numbers
begin with a plus and are the exception: a plus and digits alone are a number, never a formula, and
as they are they can be imported again.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from leads.masking import MASKS, masked_message, masked_name
from leads.models import ContactQuerySet

CHUNK = 1_000  # contacts read and held at a time
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
# Of a formula; full-width signs are read as the plain ones.
BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
PHONE = re.compile(r"\+[0-9]{1,15}")

# Headings and where the values are. English in every language: programs read them too.
COLUMNS = {
    "id": "pk",
    "status": "status",
    "source": "source__name",
    "operator": "operator__name",
    "lead_id": "lead_id",
    "lead_name": "lead__name",
    "external_id": "lead__external_id",
    "email": "lead__email",
    "phone": "lead__phone",
    "name": "name",
    "message": "message",
    "received": "created_at",
    "assigned": "assigned_at",
    "closed": "closed_at",
}
HIDDEN_IN: Mapping[str, Callable[[str], str]] = {
    **MASKS,
    "lead_name": masked_name,
    "name": masked_name,
    "message": masked_message,
}


class _Line:
    """A file that hands each line back to whoever writes it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(contacts: ContactQuerySet, *, masked: bool) -> Iterator[str]:
    """Yield a heading, and then a line for each contact, the newest first, many at a time.

    `masked`: as lists show leads to those who may not see personal data.

    Read by keys, a chunk at a time, each in a query of its own: a cursor would need a transaction
    as long as the download. No contact comes twice; one that is moved meanwhile comes as it was or
    as it is.
    """
    writer = csv.writer(_Line())
    yield BYTE_ORDER_MARK + str(writer.writerow(COLUMNS))
    rows = contacts.order_by("-pk").values_list(*COLUMNS.values())
    chunk = list(rows[:CHUNK])
    while chunk:
        shown = map(masked_row, chunk) if masked else chunk
        yield "".join(writer.writerow(cells(row)) for row in shown)
        chunk = list(rows.filter(pk__lt=chunk[-1][0])[:CHUNK]) if len(chunk) == CHUNK else []


def masked_row(row: Iterable[Any]) -> list[Any]:
    """Return a row's values with the personal data masked."""
    pairs = zip(COLUMNS, row, strict=True)
    return [
        HIDDEN_IN[name](value) if value and name in HIDDEN_IN else value for name, value in pairs
    ]


def cells(row: Iterable[object]) -> Iterator[str]:
    """Yield the values as a spreadsheet may have them; moments in the server's time zone."""
    for value in row:
        if value is None:
            yield ""
        elif isinstance(value, datetime):
            yield timezone.localtime(value).isoformat(timespec="seconds")
        else:
            yield safe_cell(str(value))


def safe_cell(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    if text.startswith(BEGINNINGS) and not PHONE.fullmatch(text):
        return f"'{text}"
    return text
