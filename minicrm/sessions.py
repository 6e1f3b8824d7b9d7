"""Sessions in the database, which is asked for none but numbers that we might have given."""

import re
from typing import TypeGuard

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

# As Django makes them. A cookie may hold anything, also NUL, which PostgreSQL takes in no text.
KEY = re.compile(r"[a-z0-9]{32}")


def is_key(key: str | None) -> TypeGuard[str]:
    """Whether this might be the number of a session."""
    return key is not None and KEY.fullmatch(key) is not None


class SessionStore(DatabaseStore):
    """Django's own. Under the same name, which is a part of how stored sessions are signed."""

    def _validate_session_key(self, key: str | None) -> bool:
        return is_key(key)
