"""Making, checking, rotating and revoking API keys.

A key reads `mcrm_<prefix>_<secret>` with 32 random bytes of secret. It is shown once; stored are
the prefix, which finds the row, and the SHA-256 of the whole. A fast hash is enough for a secret
that cannot be guessed.
"""

import contextlib
import hashlib
import hmac
import re
import secrets
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, IntegrityError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from distribution.audit import record
from distribution.models import ApiKey, Source
from minicrm.errors import Conflict, NotFound
from minicrm.hot_cursor import hot_cursor
from minicrm.transactions import retried, retried_read

SECRET_BYTES = 32
PREFIX_BYTES = 6
PREFIX = re.compile(r"[0-9a-f]{12}")
TOKEN = re.compile(rf"mcrm_(?P<prefix>{PREFIX.pattern})_[A-Za-z0-9_-]{{43}}")
# Writing the time of last use at every request would make one row the bottleneck of them all.
LAST_USE_STEP = timedelta(minutes=1)
TRUST_SECONDS = 1.0
MAX_RECOGNISED = 1_000
_recognised: dict[str, tuple[float, ApiKey]] = {}  # by digest: when it was looked up, and the key
# Asked at most requests to the API: built by the ORM it would cost several times as much.
LIVE_KEY_FIELDS = ("id", "digest", "source_id", "can_manage")
LIVE_KEY = """
SELECT id, digest, source_id, can_manage, last_used_at > %s
FROM distribution_apikey WHERE prefix = %s AND revoked_at IS NULL
"""


class KeyMadeAlready(Conflict):
    """A key of this prefix is there: the same form was sent before."""


class KeyRevoked(Conflict):
    """The key was revoked, and stays so."""


def new_prefix() -> str:
    """Return a prefix for a key that is still to be made; it says nothing of the key's secret."""
    return secrets.token_hex(PREFIX_BYTES)


@retried
def create_api_key(
    *,
    name: str,
    source: Source | None = None,
    can_manage: bool = False,
    prefix: str = "",
    actor: str,
) -> tuple[ApiKey, str]:
    """Create a key; return its row and the key itself, which cannot be had again.

    The database refuses a managing key that is bound to a source: operators and their limits are
    shared by all sources. A caller who may ask twice gives the `prefix`, which there can be only
    once: then the second time raises KeyMadeAlready.
    """
    prefix = prefix or new_prefix()
    token = f"mcrm_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    row = ApiKey(
        name=name, prefix=prefix, digest=_digest(token), source=source, can_manage=can_manage
    )
    _insert(row)
    _record(row, actor=actor, action="created", after=_facts(row))
    return row, token


def _insert(row: ApiKey) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if not ApiKey.objects.filter(prefix=row.prefix).exists():
            raise
        raise KeyMadeAlready("key_made_already", "This key was made already.") from error


@retried
def rotate_api_key(key: ApiKey, *, prefix: str = "", actor: str) -> tuple[ApiKey, str]:
    """Create another key with the name, source and rights of a live one, which stays live.

    Both work until the old one is revoked. Raises NotFound for a key that is gone, Conflict for
    a revoked one: a rotation must not bring back what somebody has taken away. `prefix` is as in
    `create_api_key`.
    """
    row = ApiKey.objects.select_for_update(no_key=True).filter(pk=key.pk).first()
    if row is None:
        raise _not_found(key.pk)
    if row.revoked_at is not None:
        raise KeyRevoked("key_revoked", f"API key {key.pk} is revoked.")
    return create_api_key(
        name=row.name, source=row.source, can_manage=row.can_manage, prefix=prefix, actor=actor
    )


def recognise(token: str) -> ApiKey | None:
    """Return the live key that `token` is, or None, if need be from a second ago.

    A bot that posts hundreds of contacts a second is looked up once in it. So a key that another
    process has revoked works for a second at most.
    """
    digest, now = _digest(token), time.monotonic()
    known = _recognised.get(digest)
    if known is not None and now - known[0] < TRUST_SECONDS:
        return known[1]
    key = authenticate(token)
    if key is not None:
        if len(_recognised) >= MAX_RECOGNISED:
            _recognised.clear()
        _recognised[digest] = now, key
    return key


@retried_read
def authenticate(token: str) -> ApiKey | None:
    """Return the live key that `token` is, or None."""
    match = TOKEN.fullmatch(token)
    if match is None:
        return None
    now = timezone.now()
    before = connection.ops.adapt_datetimefield_value(now - LAST_USE_STEP)
    with hot_cursor() as cursor:
        cursor.execute(LIVE_KEY, [before, match["prefix"]])
        row = cursor.fetchone()
    if row is None:
        return None
    pk, digest, source_id, can_manage, use_is_noted = row
    if not hmac.compare_digest(digest, _digest(token)):
        return None
    values = (pk, digest, source_id, bool(can_manage))
    key = ApiKey.from_db(DEFAULT_DB_ALIAS, LIVE_KEY_FIELDS, values)
    if not use_is_noted:
        _note_use(key, now)
    return key


@retried
def revoke_api_key(key: ApiKey, *, actor: str) -> None:
    """Make a key unusable from now on; revoking it again changes nothing."""
    now = timezone.now()
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        before, after = {"revoked_at": None}, {"revoked_at": now}
        _record(key, actor=actor, action="revoked", before=before, after=after)
        _forget_recognised()


@retried
def rename_api_key(key: ApiKey, *, name: str, actor: str) -> None:
    """Give a key another name, and change nothing else of it. Raises NotFound."""
    row = ApiKey.objects.select_for_update(no_key=True).filter(pk=key.pk).first()
    if row is None:
        raise _not_found(key.pk)
    before = {"name": row.name}
    row.name = name
    row.save(update_fields=["name"])
    _record(row, actor=actor, action="changed", before=before, after={"name": name})


@retried
def delete_api_keys_of(source_id: int, *, actor: str) -> None:
    """Delete the keys of a source that is about to be deleted; other keys are only revoked."""
    for key in ApiKey.objects.select_for_update().filter(source_id=source_id).order_by("pk"):
        _record(key, actor=actor, action="deleted", before=_facts(key))
        key.delete()
        _forget_recognised()


def _note_use(key: ApiKey, now: datetime) -> None:
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - LAST_USE_STEP)
    # A busy database costs us the note, not the caller the request. A transaction, because only
    # those who begin one stand in the queue of SQLite's writers.
    with contextlib.suppress(OperationalError), transaction.atomic():
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _forget_recognised() -> None:
    """Look all keys up again, also those that are looked up before this is committed."""
    _recognised.clear()
    transaction.on_commit(_recognised.clear)


def _not_found(key_id: int) -> NotFound:
    return NotFound("not_found", f"There is no API key {key_id}.")


def _facts(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "prefix": key.prefix,
        "source": str(key.source) if key.source else None,
        "source_id": key.source_id,
        "can_manage": key.can_manage,
    }


def _record(
    key: ApiKey,
    *,
    actor: str,
    action: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record(
        actor=actor,
        action=action,
        obj_type="api_key",
        object_id=key.pk,
        object_name=str(key),
        before=before,
        after=after,
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
