"""SQLite's transactions wait for the disk after their turn, and before anybody is told."""

import contextlib
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import OperationalError, connection, connections, transaction

from distribution.models import Source
from leads.services.import_sources import SourceFinder
from leads.services.imports import ContactImport
from minicrm import group_commit
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
    for _ in range(2):
        with transaction.atomic():
            assert _synchronous() == NORMAL
        assert _synchronous() == FULL
    with pytest.raises(RuntimeError), transaction.atomic():
        raise RuntimeError("on purpose")
    assert _synchronous() == FULL
    Source.objects.filter(name="Demo").update(name="Outside of a transaction")
    assert len(syncs) == 2  # also of what has only read


def test_an_interruption_leaves_full(syncs, monkeypatch):
    def interrupt(file):
        raise KeyboardInterrupt

    monkeypatch.setattr(log, "_sync", interrupt)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        pass
    assert _synchronous() == FULL


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


@pytest.fixture
def failing(monkeypatch):
    """Return a context in which nothing reaches the disk."""

    def fail(file):
        raise OSError("on purpose")

    @contextlib.contextmanager
    def context():
        with monkeypatch.context() as patch:
            patch.setattr(log, "_sync", fail)
            yield

    return context


def test_where_the_disk_fails_it_is_told_and_the_log_is_left(syncs, failing):
    with failing(), pytest.raises(OperationalError, match="disk") as failure, transaction.atomic():
        Source.objects.create(name="Demo")
    assert problem_of(failure.value).status == 503
    assert _log().stat().st_size == 0  # no gap that later commits would follow
    assert _synchronous() == FULL
    with transaction.atomic():
        Source.objects.create(name="Demo 2")
    assert syncs == [(2, True)]


def test_until_the_log_could_be_left_nothing_is_called_stored(syncs, failing):
    reader = sqlite3.connect(connection.settings_dict["NAME"])
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM distribution_source").fetchall()
    connection.connection.execute("PRAGMA busy_timeout = 10")
    with failing(), pytest.raises(OperationalError, match="disk"), transaction.atomic():
        Source.objects.create(name="Demo")
    for number in range(2):  # the disk is well again, but what is behind the gap would be lost
        with pytest.raises(OperationalError, match="disk"), transaction.atomic():
            Source.objects.create(name=f"Demo {number}")
    reader.close()
    with transaction.atomic():
        Source.objects.create(name="Demo 2")
    assert _log().stat().st_size == 0
    with transaction.atomic():
        Source.objects.create(name="Demo 3")
    assert Source.objects.count() == 5
    assert syncs[-1] == (5, True)


def test_all_of_a_group_hear_of_it_and_nobody_runs_again(syncs, failing):
    ran = []

    @group_commit.retried_in_group
    def add(name):
        ran.append(name)
        Source.objects.create(name=name)

    def run(name):
        try:
            add(name)
        except OperationalError as error:
            return error
        finally:
            connections.close_all()

    line = queue_of(str(connection.settings_dict["NAME"]))
    with failing(), ThreadPoolExecutor(3) as pool:
        turn = line.wait(1)
        jobs = [pool.submit(run, name) for name in "abc"]
        give_up_at = time.monotonic() + 20
        while group_commit.joined() < 3 and time.monotonic() < give_up_at:
            time.sleep(0.01)
        turn.end()
        errors = [job.result() for job in jobs]
    assert all(isinstance(error, OperationalError) for error in errors)
    assert sorted(ran) == ["a", "b", "c"]


def test_what_an_import_calls_already_there_is_on_the_disk(syncs):
    source = Source.objects.create(name="Demo")

    def read():
        finder = SourceFinder(fixed=source, default=None, create=False)
        return ContactImport(finder, batch="demo").add([{"external_id": "demo-1"}])

    assert [one.replayed for one in read()] == [False]
    before = len(syncs)
    assert [one.replayed for one in read()] == [True]
    assert len(syncs) == before + 1


def test_the_file_is_open_before_anything_is_written_and_is_that_of_the_path(tmp_path):
    ours = log.Log(str(tmp_path / "demo-wal"))
    assert not ours.hold()
    (tmp_path / "demo-wal").touch()
    assert ours.hold()
    held = ours._file
    assert ours.hold()
    assert ours._file == held
    (tmp_path / "other").touch()
    (tmp_path / "other").rename(tmp_path / "demo-wal")
    assert ours.hold()
    assert os.path.samestat(os.fstat(ours._file), (tmp_path / "demo-wal").stat())
    ours.close()
    assert ours._file is None


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
