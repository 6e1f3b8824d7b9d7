"""Doing a request once, however often it is sent."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from leads.models import IdempotencyRecord
from minicrm.errors import Busy, Conflict
from minicrm.transactions import LOCK_NOT_AVAILABLE, RunAgain, sqlstate

KEEP_FOR = timedelta(hours=48)
DELETED_AT_ONCE = 1_000
# Imports are recognised for ever: a file may be read again after years.
IMPORT_SCOPE = "import"


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
        with transaction.atomic():
            return IdempotencyRecord.objects.create(scope=scope, key=key, digest=digest)
    except IntegrityError:
        record = find(scope=scope, key=key)
        if record is None:
            raise RunAgain("the earlier record has just been forgotten") from None
    except OperationalError as error:
        if sqlstate(error) != LOCK_NOT_AVAILABLE:
            raise
        raise Busy(
            "idempotency_key_in_use", "A request with this Idempotency-Key is still under way."
        ) from error
    if record.digest != digest:
        raise Conflict(
            "idempotency_key_reused",
            "This Idempotency-Key stood for another request; use a new key for a new request.",
        )
    return record


def finish(record: IdempotencyRecord, response: dict[str, Any]) -> None:
    """Keep the answer, in the transaction that it tells of."""
    record.response = response
    record.save(update_fields=["response"])


def forget_old() -> int:
    """Delete the records of API requests older than KEEP_FOR; return how many there were.

    In batches, so that no statement takes long however many days were missed.
    """
    old = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - KEEP_FOR)
    old = old.exclude(scope=IMPORT_SCOPE)
    deleted = 0
    while batch := list(old.values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        deleted += IdempotencyRecord.objects.filter(pk__in=batch).delete()[0]
    return deleted
