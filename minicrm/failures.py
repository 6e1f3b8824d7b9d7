"""What callers see while the database is gone, full, or can only be read: 503, and to come back.

Nothing here may need the database, not even to know who asks.
"""

import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import InterfaceError, OperationalError, connection
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext, gettext_lazy

from minicrm import error_pages
from minicrm.pages import THEME_COOKIE, THEMES
from minicrm.problems import Problem, problem_response, unavailable
from minicrm.request_id import request_id_of
from minicrm.transactions import RunAgain, sqlstate

GetResponse = Callable[[HttpRequest], HttpResponseBase]

HEALTH_PATH = "/healthz"  # answers as long as the process does

# What the drivers do not call an OperationalError: a standby or a read-only transaction, a session
# or transaction that the server ended for its age, damaged data.
OUTAGE_SQLSTATES = frozenset({"25006", "25P03", "25P04", "XX001", "XX002"})
# SQLite says OperationalError for a missing table too, which is a fault of ours.
SQLITE_OUTAGES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
FULL = ("53100", sqlite3.SQLITE_FULL)
READ_ONLY = ("25006", sqlite3.SQLITE_READONLY)
WORDS = {
    "unavailable": gettext_lazy("The database does not answer at the moment."),
    "storage_full": gettext_lazy("The database has no room left. Nothing can be stored."),
    "read_only": gettext_lazy("The database can only be read at the moment."),
}


def is_outage(error: BaseException) -> bool:
    """Whether the database cannot work at the moment, and not we have asked it for nonsense."""
    code = _code_of(error)
    if isinstance(code, int):
        return code in SQLITE_OUTAGES
    return isinstance(error, OperationalError | InterfaceError | RunAgain) or (
        code in OUTAGE_SQLSTATES
    )


def problem_of(error: BaseException | None) -> Problem:
    """Return the 503 that fits a failure of the database."""
    code = _code_of(error) if error is not None else None
    if code in FULL:
        return unavailable(
            "storage_full",
            "The database has no room left; this was not stored. Somebody has to make room.",
            retry_after=30,
        )
    if code in READ_ONLY:
        return unavailable(
            "read_only",
            "The database can only be read at the moment; this was not stored. Try again later.",
            retry_after=10,
        )
    return unavailable()


def _code_of(error: BaseException) -> str | int | None:
    """Return PostgreSQL's error code, or SQLite's as a number, None where there is neither."""
    extended = getattr(error.__cause__, "sqlite_errorcode", None)
    return sqlstate(error) if extended is None else extended & 0xFF


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer after any exception, wherever it came from: middleware, view or template.

    Django calls this from its `except` block, and has logged the exception.
    """
    error = sys.exception()
    if error is None or not is_outage(error):
        return error_pages.server_error(request)
    return unavailable_response(request, error)


def unavailable_response(request: HttpRequest, error: BaseException | None = None) -> HttpResponse:
    """Answer 503 in the form that fits the caller: the API's, a background request's, a page."""
    problem = problem_of(error)
    if request.path_info.startswith(settings.API_PREFIX):
        return problem_response(request, problem)
    headers = {**problem.headers, "Cache-Control": "no-store"}
    # The failure may have come before Django looked at what language is wanted.
    with translation.override(translation.get_language_from_request(request)):
        words = str(WORDS[problem.code])
        if request.headers.get("HX-Request") == "true":
            # For a message; the page around stays as it is, and asks again.
            text = f"{words} {gettext('What you see may be old; it goes on by itself.')}"
            kind = "text/plain; charset=utf-8"
            return HttpResponse(text, status=503, content_type=kind, headers=headers)
        page = render_to_string("503.html", _page_context(request, problem, words))
    return HttpResponse(page, status=503, headers=headers)


def _page_context(request: HttpRequest, problem: Problem, words: str) -> dict[str, Any]:
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return {
        "words": words,
        "theme": theme if theme in THEMES else THEMES[0],
        "request_id": request_id_of(request),
        "retry_after": problem.headers["Retry-After"],
        "can_reload": request.method in ("GET", "HEAD"),
    }


class SqliteFileMiddleware:
    """Notices that SQLite's file is gone or was replaced, which SQLite itself does not.

    A connection goes on with a file that no name leads to any more: what it acknowledged would be
    lost with the process. A new one would make an empty database. So with another file the
    connection is made anew, and where SQLite would make one, nothing is answered but 503.
    """

    def __init__(self, get_response: GetResponse) -> None:
        if connection.vendor != "sqlite":
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request if the file is there."""
        if request.path_info == HEALTH_PATH or connection.in_atomic_block:
            return self.get_response(request)
        name = connection.settings_dict["NAME"]
        present = _identity()
        if present is None or present != getattr(_opened, "identity", present):
            connection.close()
            _opened.__dict__.clear()
        if present is None and os.path.isdir(os.path.dirname(name)):
            return unavailable_response(request)
        return self.get_response(request)


def refuse_replaced_file() -> None:
    """Raise OperationalError if this thread's connection is to a file that is not there any more.

    For work that others hand over: what they have found out is about connections of their own.
    """
    present = _identity()
    if present != getattr(_opened, "identity", present):
        cause = sqlite3.OperationalError("the database file was replaced")
        cause.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise OperationalError(str(cause)) from cause


_opened = threading.local()  # connections are each thread's own


def _identity() -> tuple[int, int] | None:
    """Return which file the database's name leads to, None for none."""
    try:
        found = os.stat(connection.settings_dict["NAME"])
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _remember(sender: object, connection: Any, **kwargs: object) -> None:
    """Remember which file a connection was made to."""
    if connection.vendor == "sqlite":
        _opened.identity = _identity()


connection_created.connect(_remember, dispatch_uid="minicrm.failures")
