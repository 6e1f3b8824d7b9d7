"""Keeps personal data out of the log.

Whatever this project logs itself names no person. What is left is what others put into messages:
an exception's text may quote the value it is about (PostgreSQL: "Key (email)=(…) already exists"),
and an address that somebody typed may hold an e-mail. So of an exception the log has the classes,
the stack and what is known to be harmless, and what looks like an e-mail or a phone is taken out of
every line. With DEBUG, on a developer's own machine, exceptions say all.
"""

from __future__ import annotations

import copy
import logging
import re
import sqlite3
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import django.db
from django.conf import settings
from django.core.exceptions import AppRegistryNotReady, ImproperlyConfigured

if TYPE_CHECKING:
    ExcInfo = (
        tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    )

WITHHELD = "(its text is left out: it may hold personal data)"
# Bounded, so that no line, however long, costs more than its length.
EMAIL = re.compile(
    r"""[^\s@"'<>(),:;=&?/\\]{1,64}(?:@|%40)[^\s@"'<>(),:;=&?/\\]{1,255}""", re.IGNORECASE
)
PHONE = re.compile(r"(?:\+|%2B)[0-9]{7,15}(?![0-9])", re.IGNORECASE)

# Texts of names in the code, not of values.
ABOUT_CODE = (AttributeError, ImportError, NameError, AppRegistryNotReady, ImproperlyConfigured)
# What failed, in the first line, without values; these follow in others ("DETAIL: …", "LINE 1: …").
BY_LINES = (
    django.db.IntegrityError,
    django.db.InterfaceError,
    django.db.OperationalError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.OperationalError,
)
WARNINGS = "py.warnings"  # as `logging.captureWarnings` writes them, with the line of code:
WARNING = re.compile(r"^(.*?:[0-9]+: \w+: ).*", re.DOTALL)
DRIVERS = ("IntegrityError", "InterfaceError", "OperationalError")  # psycopg's: not always there

CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


class PrivateFormatter(logging.Formatter):
    """A formatter without personal data; mixed in first, it makes any other one so."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; the record itself stays as it is."""
        return without_keys(super().format(_harmless(record)))

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802  as logging calls it
        """Return the traceback, in which only harmless exceptions say what they have to say."""
        return super().formatException(ei) if _is_debugged() else private_traceback(ei[1])


def private_traceback(error: BaseException | None) -> str:
    """Return the stacks and classes of an exception and of those that it came from."""
    return "".join(reversed(list(_parts(error)))).rstrip("\n")


def harmless_text(error: BaseException) -> str:
    """Return what may be told of an exception besides its class."""
    if isinstance(error, ABOUT_CODE):
        return str(error)
    if isinstance(error, OSError):
        return f"[Errno {error.errno}] {error.strerror}"
    state = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None)
    code = f"[{state}] " if state else ""
    if isinstance(error, BY_LINES) or _is_drivers(error):
        return code + (str(error).strip().splitlines() or [""])[0]
    return code + WITHHELD if str(error) else code.rstrip()


def without_keys(text: str) -> str:
    """Return a text without what looks like somebody's e-mail or phone."""
    return PHONE.sub("[phone]", EMAIL.sub("[e-mail]", text))


def _is_debugged() -> bool:
    return settings.configured and bool(settings.DEBUG)


def _is_drivers(error: BaseException) -> bool:
    classes = type(error).__mro__
    return any(one.__module__ == "psycopg" and one.__name__ in DRIVERS for one in classes)


def _harmless(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy in which exceptions, as message or arguments, are told without their texts."""
    if _is_debugged():
        return record
    record = copy.copy(record)
    record.exc_text = None  # what another formatter has left there
    error = record.exc_info[1] if record.exc_info else None
    if record.name == WARNINGS:
        record.msg, record.args = WARNING.sub(rf"\1{WITHHELD}", record.getMessage()), ()
    record.msg = _told(record.msg, error)
    if isinstance(record.args, dict):
        record.args = {name: _told(value, error) for name, value in record.args.items()}
    elif record.args:
        record.args = tuple(_told(value, error) for value in record.args)
    return record


def _told(value: Any, logged: BaseException | None) -> Any:
    """Return what stands in a message for an exception, or for the text of the one logged."""
    if isinstance(value, BaseException):
        return _line(value)
    # Django logs what it refuses as "%s: %s" with the exception's text.
    if logged is not None and isinstance(value, str) and value and value == str(logged):
        return _line(logged)
    return value


def _line(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else _full_name(kind)
    text = harmless_text(error)
    return f"{name}: {text}" if text else name


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _parts(error: BaseException | None) -> Iterator[str]:
    """Yield the parts of a traceback, the last one first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield f"{_line(error)}\n"
        yield "".join(traceback.format_tb(error.__traceback__))
        yield "Traceback (most recent call last):\n"
        before = error.__cause__
        if before is not None:
            yield CAUSE
        elif not error.__suppress_context__ and error.__context__ is not None:
            before = error.__context__
            yield CONTEXT
        error = before
