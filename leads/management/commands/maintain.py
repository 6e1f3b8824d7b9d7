"""maintain: all that has to be done now and then, by one line of a timetable."""

import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db import Error, connection

from leads.services import assign_waiting, check_loads, forget_old_contents, idempotency
from minicrm.errors import ServiceError
from minicrm.sign_in_guard import forget_old_failures
from minicrm.transactions import RunAgain

ACTOR = "maintain"
logger = logging.getLogger(__name__)


class Attention(Exception):
    """A duty is done, and what it found wants somebody to look."""


class Command(BaseCommand):
    help = (
        "Do the periodic duties: forget idempotency keys, old sessions, failed sign-ins and, if"
        " RETENTION_DAYS is set, the contents of old contacts; sweep the queue; check the loads."
        " One line each. Run it daily, or hourly. Exits with status 1 if a duty failed or found"
        " something wrong; the others are done all the same."
    )

    @no_translations
    def handle(self, **options: Any) -> None:
        bad = [name for name, duty in DUTIES.items() if not self._do(name, duty)]
        if bad:
            raise CommandError(f"Look at: {', '.join(bad)}.")

    def _do(self, name: str, duty: Callable[[], str]) -> bool:
        """Do one duty and say what came of it; return whether nobody needs to look at it."""
        try:
            self.stdout.write(f"{name}: {duty()}")
        except Attention as found:
            self.stdout.write(f"{name}: ATTENTION: {found}")
        except (Error, RunAgain, ServiceError, OSError) as error:
            logger.exception("maintain: %s failed", name)
            self.stdout.write(f"{name}: FAILED: {type(error).__name__}")
            if not connection.in_atomic_block:
                # A connection that broke would fail the others too.
                connection.close_if_unusable_or_obsolete()
        else:
            return True
        return False


def _forget_keys() -> str:
    return f"{idempotency.forget_old()} forgotten"


def _clear_sessions() -> str:
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    return "expired ones deleted"


def _forget_failures() -> str:
    forget_old_failures()
    return "old ones forgotten"


def _forget_contents() -> str:
    if settings.RETENTION_DAYS is None:
        return "kept for ever, as RETENTION_DAYS is not set"
    count = sum(forget_old_contents(days=settings.RETENTION_DAYS))
    return f"{count} forgotten, of contacts closed {settings.RETENTION_DAYS} days ago or earlier"


def _sweep_queue() -> str:
    assigned = assign_waiting(actor=ACTOR)
    if assigned:
        raise Attention(f"{assigned} contacts waited beside free places; they are assigned now")
    return "nothing waits beside a free place"


def _check_loads() -> str:
    wrong = len(list(check_loads(repair=False, actor=ACTOR)))
    if wrong:
        raise Attention(f"{wrong} are wrong; see check_loads, and check_loads --repair")
    return "all are right"


DUTIES: dict[str, Callable[[], str]] = {
    "idempotency keys": _forget_keys,
    "sessions": _clear_sessions,
    "failed sign-ins": _forget_failures,
    "contents of old contacts": _forget_contents,
    "queue": _sweep_queue,
    "loads": _check_loads,
}
