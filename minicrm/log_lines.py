"""How a record of the log is written: one line for people, or one JSON object for programs.

Without Django: gunicorn's parent process writes its log so too, and it must not load what its
workers are to load afresh after a reload. What concerns personal data is in `minicrm.logs`.
"""

import json
import logging
import os
import re
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

NO_REQUEST = "-"
# Django's and gunicorn's own additions to records, for their own use.
NOT_FIELDS = frozenset({*RESERVED_ATTRS, "request", "request_id", "server_time", "taskName"})
# What ends a line, moves the cursor, colours a terminal, reverses what is read, or is no text.
UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
PLAIN_WORD = re.compile(r"[^\s\"=]+")

Value = str | int | float | bool | None


def escaped(text: str) -> str:
    """Return a text as one line of visible characters."""
    return UNSEEN.sub(_escape, text)


def escaped_lines(text: str) -> str:
    """Return a text of several lines, each of visible characters; no line stands at the margin."""
    return textwrap.indent("\n".join(map(escaped, text.split("\n"))), "    ")


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return ESCAPES.get(character) or (f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}")


def moment(record: logging.LogRecord) -> str:
    """Return when a record was made, in UTC to the millisecond."""
    made = datetime.fromtimestamp(record.created, UTC)
    return made.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def request_id(record: logging.LogRecord) -> str:
    """Return the id of the request that a record belongs to, "-" for none."""
    return str(getattr(record, "request_id", NO_REQUEST))


def fields(record: logging.LogRecord) -> dict[str, Value]:
    """Return what was given as `extra`, as far as it is plain values; objects tell too much."""
    return {
        name: escaped(value) if isinstance(value, str) else value
        for name, value in vars(record).items()
        if name not in NOT_FIELDS and (value is None or isinstance(value, str | int | float))
    }


class PlainLines(logging.Formatter):
    """Time, level, logger, request id, message, and the fields as name=value.

    A traceback follows in lines of its own, set in from the margin, so that none looks like a
    record.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback below it."""
        head = f"{moment(record)} {record.levelname} {record.name} [{request_id(record)}]"
        # What the message says already, and what is not known, need not be read again.
        said = getattr(record, "said", ())
        left = [
            _pair(name, value)
            for name, value in fields(record).items()
            if name not in said and value not in (None, "")
        ]
        lines = [" ".join([head, escaped(record.getMessage().rstrip()), *left])]
        if record.exc_info and record.exc_info[0] is not None:
            lines.append(escaped_lines(self.formatException(record.exc_info)))
        if record.stack_info:
            lines.append(escaped_lines(self.formatStack(record.stack_info)))
        return "\n".join(lines)


def _pair(name: str, value: Value) -> str:
    if isinstance(value, str) and not PLAIN_WORD.fullmatch(value):
        return f"{name}={json.dumps(value, ensure_ascii=False)}"
    return f"{name}={value}"


class JsonLines(JsonFormatter):
    """One JSON object a line; a traceback is one of its members."""

    def __init__(self) -> None:
        super().__init__(json_ensure_ascii=False)

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: Mapping[str, Any]
    ) -> None:
        """Fill the object: what every record has first, then its own fields."""
        log_data |= {
            "time": moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": escaped(record.getMessage().rstrip()),
            "request_id": None if request_id(record) == NO_REQUEST else request_id(record),
            "process": os.getpid(),
        }
        log_data |= {name: value for name, value in fields(record).items() if name not in log_data}
        if record.exc_info and record.exc_info[0] is not None:
            log_data["exception"] = escaped_lines(str(message_dict.get("exc_info", ""))).strip()
            log_data["exception_class"] = record.exc_info[0].__qualname__
        if record.stack_info:
            log_data["stack"] = message_dict.get("stack_info", "")


LINES: Mapping[str, type[logging.Formatter]] = {"plain": PlainLines, "json": JsonLines}
