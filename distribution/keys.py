"""Making, checking and revoking API keys.

A key reads `mcrm_<prefix>_<secret>` with 32 random bytes of secret. It is shown once; stored are
the prefix, which finds the row, and the SHA-256 of the whole. A fast hash is enough for a secret
that cannot be guessed.
"""

import contextlib
import hashlib
import hmac
import re
import secrets
from datetime import timedelta
from typing import Any

from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone

from distribution.audit import record
from distribution.models import ApiKey, Source
from minicrm.errors import NotFound
from minicrm.transactions import retried

SECRET_BYTES = 32
TOKEN = re.compile(r"mcrm_(?P<prefix>[0-9a-f]{12})_[A-Za-z0-9_-]{43}")
# Writing the time of last use at every request would make one row the bottleneck of them all.
LAST_USE_STEP = timedelta(minutes=1)


@retried
def create_api_key(
    *, name: str, source: Source | None = None, can_manage: bool = False, actor: str
) -> tuple[ApiKey, str]:
    """Create a key; return its row and the key itself, which cannot be had again.

    The database refuses a managing key that is bound to a source: operators and their limits are
    shared by all sources.
    """
    prefix = secrets.token_hex(6)
    token = f"mcrm_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    row = ApiKey.objects.create(
        name=name, prefix=prefix, digest=_digest(token), source=source, can_manage=can_manage
    )
    _record(row, actor=actor, action="created", after=_facts(row))
    return row, token


def authenticate(token: str) -> ApiKey | None:
    """Return the live key that `token` is, or None."""
    match = TOKEN.fullmatch(token)
    if match is None:
        return None
    key = ApiKey.objects.filter(prefix=match["prefix"], revoked_at=None).first()
    if key is None or not hmac.compare_digest(key.digest, _digest(token)):
        return None
    _note_use(key)
    return key


@retried
def revoke_api_key(key: ApiKey, *, actor: str) -> None:
    """Make a key unusable from now on; revoking it again changes nothing."""
    now = timezone.now()
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        before, after = {"revoked_at": None}, {"revoked_at": now}
        _record(key, actor=actor, action="revoked", before=before, after=after)


@retried
def rename_api_key(key: ApiKey, *, name: str, actor: str) -> None:
    """Give a key another name, and change nothing else of it. Raises NotFound."""
    row = ApiKey.objects.select_for_update(no_key=True).filter(pk=key.pk).first()
    if row is None:
        raise NotFound("not_found", f"There is no API key {key.pk}.")
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


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at >= LAST_USE_STEP:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - LAST_USE_STEP)
        # A busy database costs us the note, not the caller the request.
        with contextlib.suppress(OperationalError):
            ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


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
