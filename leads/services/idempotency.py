"""Doing a request once, however often it is sent."""

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import OperationalError
from django.db.models import Q, QuerySet
from django.utils import timezone

from leads.models import IdempotencyRecord
from leads.services import arrival_sql
from minicrm.errors import Busy, Conflict
from minicrm.transactions import LOCK_NOT_AVAILABLE, RunAgain, retried, sqlstate

KEEP_FOR = timedelta(hours=48)
DELETED_AT_ONCE = 1_000
# Imports are recognised for ever: a file may be read again after years.
IMPORT_SCOPE = "import"
FORGOTTEN = ""  # the digest of a request whose content is nobody's business any more


@dataclass(frozen=True, slots=True)
class Once:
    """The name under which a request happens once: who asks for what, and their key for it.

    `digest` tells whether a later request is equal; by default that of the request itself.
    """

    scope: str
    key: str
    digest: str | None = None


def run_once(
    once: Once | None, request: Any, work: Callable[[], dict[str, Any]]
) -> tuple[dict[str, Any], bool]:
    """Do a piece of work; return its answer, and whether that is an equal request's from before.

    Runs in the transaction of the work, and as the first thing in it. Work that raises leaves no
    record, so the same request may be sent again. Raises what `begin` raises.
    """
    if once is None:
        return work(), False
    record = begin(scope=once.scope, key=once.key, digest=once.digest or digest_of(request))
    if record.response is not None:
        return record.response, True
    answer = work()
    finish(record, answer)
    return answer, False


def digest_of(request: Any) -> str:
    """Return the SHA-256 of a JSON value, the same for the same members in any order."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def find(*, scope: str, key: str) -> IdempotencyRecord | None:
    """Return the record of an earlier request, or None."""
    return IdempotencyRecord.objects.filter(scope=scope, key=key).first()


def begin(*, scope: str, key: str, digest: str) -> IdempotencyRecord:
    """Return the record of this request: new and without an answer, or the one of an equal request.

    Must be the first statement of the request's transaction. Waits for an equal request that is
    under way, up to the database's lock timeout; then raises Busy. Raises Conflict when the key
    stood for another request.
    """
    try:
        record = arrival_sql.insert_record(scope=scope, key=key, digest=digest)
    except OperationalError as error:
        if sqlstate(error) != LOCK_NOT_AVAILABLE:
            raise
        raise Busy(
            "idempotency_key_in_use", "A request with this Idempotency-Key is still under way."
        ) from error
    if record is not None:
        return record
    record = find(scope=scope, key=key)
    if record is None:
        raise RunAgain("the earlier record has just been forgotten")
    if record.digest not in (digest, FORGOTTEN):
        raise Conflict(
            "idempotency_key_reused",
            "This Idempotency-Key stood for another request; use a new key for a new request.",
        )
    return record


def finish(record: IdempotencyRecord, response: dict[str, Any]) -> None:
    """Keep the answer, in the transaction that it tells of."""
    record.response = response
    arrival_sql.keep_response(record)


def forget_contents(contact_ids: Collection[int]) -> None:
    """Forget what the API's requests about these contacts were like, and keep their answers.

    A request that is sent again is still no second contact; that it is the same one is taken for
    granted. What imports keep stays: else reading a file again would bring the contacts back.
    """
    about = _about(contact_ids)
    # Two ranges of the index: imports stay for ever, and are too many to look through.
    for others in (Q(scope__lt=IMPORT_SCOPE), Q(scope__gt=IMPORT_SCOPE)):
        IdempotencyRecord.objects.filter(others).filter(about).update(digest=FORGOTTEN)


def about_contacts(contact_ids: Collection[int]) -> QuerySet[IdempotencyRecord]:
    """Return the requests that were answered with one of these contacts, imported rows too.

    That reads the whole table: not for a transaction in which others wait.
    """
    return IdempotencyRecord.objects.filter(_about(contact_ids))


def _about(contact_ids: Collection[int]) -> Q:
    ids = list(contact_ids)
    taken = Q(response__contact__id__in=ids)  # next out of the queue
    return Q(response__has_key="lead_id", response__id__in=ids) | taken


def forget_old() -> int:
    """Delete the records of API requests older than KEEP_FOR; return how many there were.

    In batches, so that no statement takes long however many days were missed.
    """
    old = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - KEEP_FOR)
    old = old.exclude(scope=IMPORT_SCOPE)
    deleted = 0
    while batch := list(old.values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        # Again, if need be: an erasure may be changing some of them in another order.
        deleted += retried(IdempotencyRecord.objects.filter(pk__in=batch).delete)()[0]
    return deleted
