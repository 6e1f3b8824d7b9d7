"""Django's name for where a backend's connection is."""

# What Django's type information leaves out is what a backend is made of.
# mypy: disable-error-code="misc"

import os
import sqlite3
import time
from pathlib import Path
from types import TracebackType

from django.conf import settings
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property

from benchmarks.watched_sqlite import LOCKED
from minicrm.databases.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    """The application's own. What it tries again after a lock nobody else would hear of."""

    @cached_property
    def wrap_database_errors(self) -> DatabaseErrorWrapper:
        """Return what every error of the driver passes on its way to Django."""
        return Watch(self)


class Watch(DatabaseErrorWrapper):
    """Notes the refusals of a locked database, and lets them pass."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            return
        if isinstance(exc_value, sqlite3.OperationalError) and "is locked" in str(exc_value):
            _note(str(exc_value))
        super().__exit__(exc_type, exc_value, traceback)


def _note(text: str) -> None:
    """Write a line, whole, however many processes do."""
    line = f"{time.strftime('%H:%M:%S')} process {os.getpid()}: {text}\n"
    with (Path(settings.DATA_DIR) / LOCKED).open("ab", buffering=0) as file:
        file.write(line.encode())
