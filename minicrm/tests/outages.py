"""A database that is gone, as tests bring it about, and what its callers must see then."""

import contextlib
import re

from django.db import connection


@contextlib.contextmanager
def database_gone():
    """Until the end of the block the database's address leads nowhere."""
    connection.close()
    before = {name: connection.settings_dict[name] for name in ("NAME", "HOST", "PORT")}
    connection.settings_dict.update(NAME="/nowhere/x.sqlite3", HOST="127.0.0.1", PORT="9")
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


def seen(response):
    """Check what holds for each page shown instead of another, and return its text."""
    assert response.status_code == 503
    assert int(response["Retry-After"]) >= 2
    assert "no-store" in response["Cache-Control"]
    text = response.content.decode()
    assert response["X-Request-ID"] in text
    assert "default-src 'self'" in response["Content-Security-Policy"]
    return re.sub(r"\s+", " ", text)
