"""SQLite's transactions wait for the disk after their turn, and before anybody is told."""

import os
import sqlite3
from pathlib import Path

import pytest
from django.db import OperationalError, connection, connections, transaction

from distribution.models import Source
from minicrm.databases.sqlite3 import log
from minicrm.databases.sqlite3.queue import queue_of
from minicrm.failures import problem_of

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]
FULL, NORMAL = 2, 1


@pytest.fixture
def syncs(monkeypatch):
    """Return a list: at each wait for the disk, what others see, and whether they may write."""
    seen = []
    line = queue_of(str(connection.settings_dict["NAME"]))
    other = connections["default"].copy()
    connection.ensure_connection()

    def look(file):
        assert os.path.samestat(os.fstat(file), _log().stat())
        turn = line.wait(1)
        with other.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM distribution_source")
            seen.append((cursor.fetchone()[0], turn is not None))
        if turn is not None:
            turn.end()
        os.fdatasync(file)

    monkeypatch.setattr(log, "_sync", look)
    yield seen
    other.close()
    connection.close()


def test_a_commit_waits_for_the_disk_when_others_may_write(syncs):
    with transaction.atomic():
        Source.objects.create(name="Demo")
        assert syncs == []
    assert syncs == [(1, True)]


def test_a_transaction_leaves_the_wait_to_us_and_nothing_else_does(syncs):
    assert _synchronous() == FULL
    with transaction.atomic():
        assert _synchronous() == NORMAL
    assert _synchronous() == FULL
    with pytest.raises(RuntimeError), transaction.atomic():
        raise RuntimeError("on purpose")
    assert _synchronous() == FULL
    Source.objects.filter(name="Demo").update(name="Outside of a transaction")
    assert len(syncs) == 1


def test_a_connection_that_closes_within_a_transaction_begins_with_full_again(syncs):
    with transaction.atomic():
        connection.close()
    connection.ensure_connection()
    assert _synchronous() == FULL
    with transaction.atomic():
        assert _synchronous() == NORMAL
    assert len(syncs) == 1


def test_a_begin_that_fails_leaves_full(syncs):
    connection.connection.execute("PRAGMA busy_timeout = 10")
    other = connections["default"].copy()
    with other.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="is locked"), transaction.atomic():
        pass
    other.close()
    assert _synchronous() == FULL


def test_where_the_disk_fails_it_is_told_and_the_log_is_left(syncs, monkeypatch):
    def fail(file):
        raise OSError("on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(log, "_sync", fail)
        with pytest.raises(OperationalError, match="disk") as failure, transaction.atomic():
            Source.objects.create(name="Demo")
    assert problem_of(failure.value).status == 503
    assert _log().stat().st_size == 0  # no gap that later commits would follow
    assert _synchronous() == FULL
    with transaction.atomic():
        Source.objects.create(name="Demo 2")
    assert syncs == [(2, True)]


def test_where_there_is_no_log_sqlite_waits_itself(tmp_path):
    with sqlite3.connect(tmp_path / "demo.sqlite3") as plain:
        assert log.log_of(plain) is None
        plain.execute("PRAGMA journal_mode=WAL")
        assert log.log_of(plain) == str(tmp_path / "demo.sqlite3-wal")
    with sqlite3.connect(":memory:") as memory:
        assert log.log_of(memory) is None


def test_the_log_of_a_link_is_beside_the_file_itself(tmp_path):
    (tmp_path / "link.sqlite3").symlink_to(tmp_path / "demo.sqlite3")
    (tmp_path / "demo.sqlite3").touch()
    with sqlite3.connect(tmp_path / "link.sqlite3") as linked:
        linked.execute("PRAGMA journal_mode=WAL")
        linked.execute("CREATE TABLE demo (id integer)")
        assert log.log_of(linked) == str(tmp_path / "demo.sqlite3-wal")
        assert Path(log.log_of(linked)).exists()


def _log():
    return Path(f"{connection.settings_dict['NAME']}-wal")


def _synchronous():
    return connection.connection.execute("PRAGMA synchronous").fetchone()[0]
