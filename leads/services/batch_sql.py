"""Reading and writing many rows with one statement, in plain SQL.

For the import: building the statements row by row is what would cost most there
(docs/performance.md). The names of tables and columns are ours, the values never in the text.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from minicrm.hot_cursor import hot_cursor

# What PostgreSQL is told to read from JSON.
IDS, TEXT, MOMENT, JSON = "bigint", "text", "timestamptz", "jsonb"

LEADS = {"external_id": TEXT, "email": TEXT, "phone": TEXT, "name": TEXT, "created_at": MOMENT}
CONTACTS = {
    "lead_id": IDS,
    "source_id": IDS,
    "operator_id": IDS,
    "status": TEXT,
    "supplied": JSON,
    "name": TEXT,
    "message": TEXT,
    "payload": JSON,
    "created_at": MOMENT,
    "assigned_at": MOMENT,
    "version": IDS,
}
PERIODS = {
    "contact_id": IDS,
    "operator_id": IDS,
    "method": TEXT,
    "decision": JSON,
    "started_at": MOMENT,
    "ended_as": TEXT,
    "ended_by": TEXT,
    "end_reason": TEXT,
}
RECORDS = {"scope": TEXT, "key": TEXT, "digest": TEXT, "response": JSON, "created_at": MOMENT}


def insert_rows(
    table: str,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    *,
    where_new: bool = False,
) -> list[int]:
    """Insert rows in this order; return their ids, which ascend.

    With `where_new` those that a unique constraint forbids are left out, and so are their ids.
    """
    if not rows:
        return []
    postgresql = connection.vendor == "postgresql"
    statement, values = (_as_json if postgresql else _as_values)(columns, rows)
    unless = "ON CONFLICT DO NOTHING" if where_new else ""
    with hot_cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) {statement} {unless} RETURNING id",
            values,
        )
        return sorted(row[0] for row in cursor.fetchall())


def among(column: str, values: Collection[object]) -> tuple[str, Any]:
    """Return a condition that the column holds one of the values, and its one parameter."""
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s)", list(values)
    each = "(SELECT value FROM json_each(%s))"
    return f"{column} IN {each}", json.dumps(list(values))


def stored(moment: datetime) -> str:
    """Return a moment as both databases read it."""
    return str(connection.ops.adapt_datetimefield_value(moment))


def _as_json(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> tuple[str, list[Any]]:
    """Return a query over one JSON text: the same statement for any number of rows.

    So PostgreSQL need not parse it again, and the driver need not look at each value.
    """
    types = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    names = ", ".join(columns)
    query = (
        f"SELECT {names} FROM ROWS FROM (jsonb_to_recordset(%s::jsonb) AS ({types}))"  # noqa: S608
        f" WITH ORDINALITY AS given ({names}, place) ORDER BY place"
    )
    return query, [json.dumps(rows)]


def _as_values(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> tuple[str, list[Any]]:
    row = f"({', '.join(['%s'] * len(columns))})"
    values = [
        json.dumps(value) if kind == JSON else value
        for given in rows
        for value, kind in ((given[name], kind) for name, kind in columns.items())
    ]
    return "VALUES " + ", ".join([row] * len(rows)), values
