"""The application's log: both formats without personal data, and what else would write past it."""

import copy
import logging
import logging.config
import re
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from minicrm.log_lines import JsonLines, PlainLines
from minicrm.logging_privacy import PrivateFormatter
from minicrm.request_facts import shown_path

logger = logging.getLogger(__name__)
# Origins and referrers, as the protection of forms quotes them: where from, but not what was asked.
ADDRESS = re.compile(r"(https?://[^/?#\s]*)[^\s]*", re.IGNORECASE)


class _RequestPaths(PrivateFormatter):
    """Says of a request's address no more than the access log does."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; the record itself stays as it is."""
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest) and isinstance(record.args, tuple):
            record = copy.copy(record)
            record.args = tuple(_without_address(value, request) for value in record.args or ())
        return super().format(record)


def _without_address(value: object, request: HttpRequest) -> object:
    if not isinstance(value, str):
        return value
    # As Django gives it to its log.
    if value == request.path.encode("unicode_escape").decode("ascii"):
        return shown_path(request)
    return ADDRESS.sub(r"\1", value)


class PlainFormatter(_RequestPaths, PlainLines):
    """Lines for people."""


class JsonFormatter(_RequestPaths, JsonLines):
    """Lines for programs."""


FORMATTERS: Mapping[str, type[logging.Formatter]] = {"plain": PlainFormatter, "json": JsonFormatter}


def configure(config: dict[str, Any]) -> None:
    """Set the log up, for Django (`LOGGING_CONFIG`); warnings and uncaught exceptions go there too.

    Python's own way with an exception that nobody caught would write its text, with whatever that
    quotes, past all formatters.
    """
    logging.config.dictConfig(config)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    # Who started a command at a terminal is told all; what goes to a file or a collector is a log.
    if settings.DEBUG or issubclass(kind, KeyboardInterrupt) or sys.stderr.isatty():
        sys.__excepthook__(kind, error, traceback)
    else:
        logger.critical("Ended by %s", kind.__qualname__, exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        found = (args.exc_type, args.exc_value, args.exc_traceback)
        logger.critical("A thread was ended by %s", args.exc_type.__qualname__, exc_info=found)
