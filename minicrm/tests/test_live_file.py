"""No test can end the locks that SQLite has on its file."""

import os
from pathlib import Path

import pytest
from django.db import connection

from distribution.tests.factories import SourceFactory
from minicrm.tests.live_file import content_of

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("ending", ["", "-shm"])
def test_a_test_cannot_open_it(ending):
    SourceFactory()
    path = f"{connection.settings_dict['NAME']}{ending}"
    for open_it in (Path(path).read_bytes, lambda: os.open(path, os.O_RDONLY)):
        with pytest.raises(RuntimeError, match="Only SQLite"):
            open_it()


def test_another_process_reads_it():
    SourceFactory(name="In the file")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"In the file" in content_of(connection.settings_dict["NAME"])
