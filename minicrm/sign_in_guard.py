"""The brake on guessing passwords: after some failures, each further try has to wait.

Failures are counted for a name at an address, and, with more patience, for an address whatever the
name. So a stranger who guesses cannot keep somebody from signing in elsewhere. A try is counted
before the password is looked at, and forgiven when it was right: many at the same moment cannot
slip through together. An address is forgiven one failure a minute, so that the slips of a whole day
do not add up.

Kept are a keyed hash of the name, for passwords do get typed into the wrong field, the address, a
number and a moment, in a table of django-axes; and all of it only until an hour has passed.
"""

import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from minicrm.client_address import client_address
from minicrm.transactions import retried

FORGOTTEN_AFTER = timedelta(hours=1)
# Axes' column takes addresses alone: this one stands for "nobody tells".
UNKNOWN = "::"
# Counters are in thousandths of a failure, for an address gets rid of a part of one at each try.
FAILURE = 1000


@dataclass(frozen=True, slots=True)
class Patience:
    """So many failures cost nothing; each further one doubles the wait, up to the longest."""

    free: int
    first: timedelta
    longest: timedelta
    ages: timedelta | None = None  # in which one failure is forgotten by itself

    def delay(self, failures: float) -> timedelta:
        """Return how long after the last of so many failures the next try has to wait."""
        beyond = math.ceil(failures) - self.free
        if beyond < 0:
            return timedelta()
        return min(self.longest, self.first * (1 << min(beyond, 20)))

    def after(self, passed: timedelta, counted: int) -> int:
        """Return what is left of a counter after this time without a try."""
        if self.ages is None:
            return counted
        return max(0, counted - max(0, round(passed / self.ages * FAILURE)))


# A name at an address: 5 tries, then 10 s, 20 s, 40 s ... and never more than 5 minutes.
FOR_NAME = Patience(free=5, first=timedelta(seconds=10), longest=timedelta(minutes=5))
# An address may be that of a whole office: 50 tries, and then one a minute.
FOR_ADDRESS = Patience(
    free=50, first=timedelta(seconds=10), longest=timedelta(minutes=1), ages=timedelta(minutes=1)
)


@retried
def ask_to_try(request: HttpRequest, username: str) -> int:
    """Count a try to sign in: return 0, or the seconds to wait, and then nothing is counted."""
    now, address = timezone.now(), address_of(request)
    # Always in this order. The address counts as a name of its own, which no hash is.
    counted = [
        (_locked_row("", address, now), FOR_ADDRESS),
        (_locked_row(_hidden(username), address, now), FOR_NAME),
    ]
    wait = max(_wait(row, patience, now) for row, patience in counted)
    if wait > timedelta():
        return math.ceil(wait.total_seconds())
    for row, patience in counted:
        left = patience.after(now - row.attempt_time, row.failures_since_start)
        row.failures_since_start = left + FAILURE
        row.attempt_time = now
        row.save(update_fields=["failures_since_start", "attempt_time"])
    return 0


@retried
def forgive(request: HttpRequest, username: str) -> None:
    """Forget the failures of a name at the request's address: the password was right.

    The address is forgiven no more than these: whoever has a password of their own could go on
    guessing those of others otherwise.
    """
    address = address_of(request)
    rows = {
        row.username: row
        for row in AccessAttempt.objects.select_for_update()
        .filter(username__in=["", _hidden(username)], ip_address=address)
        .order_by("username")
    }
    total, own = rows.get(""), rows.get(_hidden(username))
    if own is None:
        return
    own.delete()
    if total is None:
        return
    total.failures_since_start -= own.failures_since_start
    if total.failures_since_start <= 0:
        total.delete()
    else:
        total.save(update_fields=["failures_since_start"])


def forgive_everywhere(username: str) -> int:
    """Forget the failures of a name at all addresses; return of how many."""
    return int(AccessAttempt.objects.filter(username=_hidden(username)).delete()[0])


@retried
def forget_old_failures() -> None:
    """Forget what nobody has added to for an hour."""
    AccessAttempt.objects.filter(attempt_time__lte=timezone.now() - FORGOTTEN_AFTER).delete()


class SignInGuard(AxesDatabaseHandler):  # type: ignore[misc]
    """What django-axes asks when somebody signs in; its commands that forget work too."""

    def is_allowed(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        """Count a try, unless it has to wait; `wait_of` knows for how long."""
        username = str((credentials or {}).get("username") or "")
        wait = ask_to_try(request, username)
        request.META["minicrm.sign_in_wait"] = wait
        return not wait

    def user_login_failed(
        self,
        sender: str,
        credentials: dict[str, Any],
        request: HttpRequest | None = None,
        **kwargs: Any,
    ) -> None:
        """Take the occasion to forget what is old; the failure is counted already."""
        forget_old_failures()

    def user_logged_in(
        self, sender: type, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any
    ) -> None:
        """Forget the failures before; who signs in when and where is not kept."""
        forgive(request, user.get_username())
        forget_old_failures()

    def user_logged_out(
        self, sender: type, request: HttpRequest, user: AbstractBaseUser | None, **kwargs: Any
    ) -> None:
        """Keep nothing."""

    def reset_attempts(
        self,
        *,
        ip_address: str | None = None,
        username: str | None = None,
        ip_or_username: bool = False,
    ) -> int:
        """Forget failures by address, by name as it is typed, or all; return of how many."""
        hidden = None if username is None else _hidden(username)
        return int(
            super().reset_attempts(
                ip_address=ip_address, username=hidden, ip_or_username=ip_or_username
            )
        )


def wait_of(request: HttpRequest) -> int:
    """Return the seconds that a try in this request would have to wait, 0 if it was let through."""
    return int(request.META.get("minicrm.sign_in_wait", 0))


def address_of(request: HttpRequest) -> str:
    """Return the caller's address; of IPv6 the network, all of which one customer has."""
    address = client_address(request)
    if ":" in address:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return address or UNKNOWN


def answer_as_it_is(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, Any]
) -> HttpResponse:
    """Return the answer of our own page, which says how long to wait, instead of axes' text."""
    return response


def _hidden(username: str) -> str:
    return salted_hmac("minicrm.sign_in_guard", username, algorithm="sha256").hexdigest()


def _locked_row(hidden: str, address: str, now: datetime) -> AccessAttempt:
    """Return the counter of a name at an address, or of the address; nobody else changes it now."""
    row, _created = AccessAttempt.objects.select_for_update().get_or_create(
        username=hidden,
        ip_address=address,
        user_agent="",
        defaults={"failures_since_start": 0, "attempt_time": now},
    )
    if row.attempt_time <= now - FORGOTTEN_AFTER:
        row.failures_since_start = 0
    return row


def _wait(row: AccessAttempt, patience: Patience, now: datetime) -> timedelta:
    delay = patience.delay(row.failures_since_start / FAILURE)
    since: timedelta = now - row.attempt_time
    return min(delay, delay - since)  # no longer, should the clock have been set back
