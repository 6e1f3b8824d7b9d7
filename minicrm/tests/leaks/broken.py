"""Code that is broken in a dozen ways; each quotes a text, as code that nobody thought of might."""

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template import engines

from leads.models import Lead

logger = logging.getLogger(__name__)


def break_down(how: str, text: str) -> HttpResponseBase:
    """Break in the way that is asked for, with a text that nobody else is to read."""
    return WAYS[how](text)


def _raise(text: str) -> HttpResponseBase:
    raise RuntimeError(f"cannot deal with {text}")


def _raise_one_after_another(text: str) -> HttpResponseBase:
    try:
        int(text)
    except ValueError as error:
        try:
            raise KeyError(text) from error
        finally:
            logger.warning("a note about %s", error)


def _raise_a_group(text: str) -> HttpResponseBase:
    raise ExceptionGroup(text, [ValueError(text)])


def _double_a_key(text: str) -> HttpResponseBase:
    Lead.objects.create(email=text)
    Lead.objects.create(email=text)
    raise AssertionError("unreachable")


def _store_what_does_not_fit(text: str) -> HttpResponseBase:
    Lead.objects.create(email=text * 20, name="x" * 1_000)
    with connection.cursor() as cursor:
        cursor.execute("SELECT abs(%s + CAST(%s AS integer))", [text, text])
    raise RuntimeError(text)  # SQLite takes it all


def _make_a_bad_statement(text: str) -> HttpResponseBase:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s FROM nowhere WHERE", [text])
    raise AssertionError("unreachable")


def _render_what_is_not_there(text: str) -> HttpResponseBase:
    template = engines["django"].from_string("{{ lead.nothing.more }} {% if lead.no %}{% endif %}")
    page = template.render({"lead": {"email": text}, "text": text})
    raise LookupError(page + text)


def _break_off(text: str) -> HttpResponseBase:
    def lines() -> Iterator[str]:
        yield "the first line\n"
        raise RuntimeError(text)

    return StreamingHttpResponse(lines())


def _refuse(text: str) -> HttpResponseBase:
    raise BadRequest(text)


def _suspect(text: str) -> HttpResponseBase:
    raise SuspiciousOperation(text)


def _log(text: str) -> HttpResponseBase:
    try:
        raise ValueError(text)
    except ValueError as error:
        logger.exception("It did not work")
        logger.error(error)
        logger.error("It did not work: %s", error)
        logger.error("It did not work: %(error)s", {"error": error})
    return HttpResponse("logged")


def _warn(text: str) -> HttpResponseBase:
    with contextlib.suppress(UserWarning):
        warnings.warn(f"Nobody at {text}", stacklevel=1)
    return HttpResponse("warned")


def _end_a_thread(text: str) -> HttpResponseBase:
    thread = threading.Thread(target=_raise, args=[text])
    thread.start()
    thread.join()
    return HttpResponse("ended")


WAYS = {
    "raise": _raise,
    "chain": _raise_one_after_another,
    "group": _raise_a_group,
    "double": _double_a_key,
    "overflow": _store_what_does_not_fit,
    "statement": _make_a_bad_statement,
    "template": _render_what_is_not_there,
    "stream": _break_off,
    "refuse": _refuse,
    "suspect": _suspect,
    "log": _log,
    "warn": _warn,
    "thread": _end_a_thread,
}
