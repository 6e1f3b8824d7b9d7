"""The id that ties an answer, its error body and its log lines together."""

import contextvars
import logging
import re
import secrets

from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import HttpRequest

HEADER = "X-Request-ID"
# An id from a proxy is kept when it is harmless in a log line.
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{8,64}")

current_request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")


def assign_request_id(request: HttpRequest) -> str:
    """Give the request the id its proxy sent, or a new random one, and return it."""
    supplied = request.headers.get(HEADER, "")
    request_id = supplied if ACCEPTED.fullmatch(supplied) else secrets.token_hex(8)
    request.META["minicrm.request_id"] = request_id
    current_request_id.set(request_id)
    return request_id


@receiver(request_finished)
def forget_request_id(**kwargs: object) -> None:
    """Let nothing that this thread logs between two requests look like a part of the first."""
    current_request_id.set("-")


def request_id_of(request: HttpRequest) -> str:
    """Return the request's id; an empty string when the middleware did not run."""
    return str(request.META.get("minicrm.request_id", ""))


class RequestIdFilter(logging.Filter):
    """Adds the current request's id to log records, "-" outside of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark the record; never drop it."""
        record.request_id = current_request_id.get()
        return True
