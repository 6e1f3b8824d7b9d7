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

from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone

from distribution.models import ApiKey, Source

SECRET_BYTES = 32
TOKEN = re.compile(r"mcrm_(?P<prefix>[0-9a-f]{12})_[A-Za-z0-9_-]{43}")
# Writing the time of last use at every request would make one row the bottleneck of them all.
LAST_USE_STEP = timedelta(minutes=1)


def create_api_key(
    *, name: str, source: Source | None = None, can_manage: bool = False
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


def revoke_api_key(key: ApiKey) -> None:
    """Make a key unusable from now on; revoking it again changes nothing."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at >= LAST_USE_STEP:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - LAST_USE_STEP)
        # A busy database costs us the note, not the caller the request.
        with contextlib.suppress(OperationalError):
            ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
