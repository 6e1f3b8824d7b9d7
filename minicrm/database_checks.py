"""`manage.py check --database default`: whether the timeouts hold that the promises rest on."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections

HINT = (
    "Behind a pooler the role has to have them: deploy/postgres/role.sql sets them with ALTER ROLE."
    " They hold for connections made from then on, so reconnect the pooler (RECONNECT)."
)


@register(Tags.database)
def check_timeouts(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn when PostgreSQL would let a statement, or its wait for a lock, last for ever."""
    warnings: list[CheckMessage] = []
    for alias in databases or ():
        if connections[alias].vendor == "postgresql":
            warnings += _timeouts_of(alias)
    return warnings


def _timeouts_of(alias: str) -> list[CheckMessage]:
    lock = _milliseconds(alias, "lock_timeout")
    statement = _milliseconds(alias, "statement_timeout")
    found: list[CheckMessage] = []
    if not lock:
        text = f"Database {alias}: lock_timeout is not in effect; a stuck lock blocks all threads."
        found.append(Warning(text, hint=HINT, id="minicrm.W001"))
    # Without a pooler, 0 may have been asked for: by DB_STATEMENT_TIMEOUT_MS.
    if not statement and (settings.DB_POOLER or settings.STATEMENT_TIMEOUT_MS):
        text = f"Database {alias}: statement_timeout is not in effect; a statement may never end."
        found.append(Warning(text, hint=HINT, id="minicrm.W002"))
    if lock and 0 < statement <= lock:
        text = f"Database {alias}: statement_timeout ({statement} ms) must be above lock_timeout."
        found.append(Warning(text, hint=HINT, id="minicrm.W003"))
    return found


def _milliseconds(alias: str, name: str) -> int:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT setting::bigint FROM pg_settings WHERE name = %s", [name])
        return int(cursor.fetchone()[0])
