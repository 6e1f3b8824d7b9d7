"""SQLite's writers wait in line: threads in the process, processes in the kernel."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.db import OperationalError, connection, connections, transaction

from distribution.keys import authenticate, create_api_key
from distribution.models import ApiKey, Source
from minicrm.databases.sqlite3 import queue
from minicrm.databases.sqlite3.queue import ENDING, Queue, queue_of
from minicrm.tests.server import ROOT

pytestmark = pytest.mark.sqlite

HOLDER = """
import sys
from minicrm.databases.sqlite3 import queue
from minicrm.databases.sqlite3.queue import Queue
turn = Queue(sys.argv[1]).wait(5)
print("mine", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "demo.sqlite3")


@pytest.fixture
def waiting():
    """Return a function that waits for a turn in a thread; which has to end with the test."""
    threads = []

    def wait(line):
        got = threading.Event()

        def run():
            turn = line.wait(20)
            got.set()
            turn.end()

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return got

    yield wait
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


class TestQueue:
    def test_a_turn_ends_for_the_next_to_begin(self, path, waiting):
        line = Queue(path)
        turn = line.wait(1)
        got = waiting(line)
        assert not got.wait(0.1)
        turn.end()
        assert got.wait(20)

    def test_other_processes_wait_too(self, path, waiting):
        ours, theirs = Queue(path), Queue(path)  # two files opened, as by two processes
        turn = ours.wait(1)
        got = waiting(theirs)
        assert not got.wait(0.1)
        turn.end()
        assert got.wait(20)

    def test_who_has_just_written_lets_another_process_that_waits_go_first(self, path, monkeypatch):
        monkeypatch.setattr(queue, "NAP", 0.1)  # ours: theirs looks three hundred times meanwhile
        line = Queue(path)
        turn = line.wait(1)
        command = [sys.executable, "-c", HOLDER, path]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, cwd=ROOT, **pipes) as other:
            give_up_at = time.monotonic() + 20
            while not line._somebody_waits() and time.monotonic() < give_up_at:
                time.sleep(0.001)
            turn.end()
            assert line.wait(0.5) is None
            other.stdin.close()
        assert line.wait(1) is not None

    def test_patience_with_another_process_has_an_end_too(self, path):
        ours, theirs = Queue(path), Queue(path)
        turn = theirs.wait(1)
        assert ours.wait(0.01) is None
        turn.end()
        assert ours.wait(1) is not None

    def test_an_interrupted_wait_leaves_nothing_behind(self, path, monkeypatch):
        ours, theirs = Queue(path), Queue(path)
        turn = theirs.wait(1)

        def interrupt(seconds):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(queue.time, "sleep", interrupt)
            with pytest.raises(KeyboardInterrupt):
                ours.wait(1)
        turn.end()
        assert ours.wait(1) is not None

    def test_patience_has_an_end(self, path):
        line = Queue(path)
        turn = line.wait(1)
        assert line.wait(0.01) is None
        turn.end()
        assert line.wait(0.01) is not None

    def test_a_turn_that_is_forgotten_ends(self, path):
        line = Queue(path)
        line.wait(1)
        assert line.wait(0.01) is not None

    def test_a_process_that_is_killed_lets_the_next_go_on(self, path, waiting):
        command = [sys.executable, "-c", HOLDER, path]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, cwd=ROOT, **pipes) as holder:
            assert holder.stdout.readline() == b"mine\n"
            got = waiting(Queue(path))
            assert not got.wait(0.1)
            holder.send_signal(signal.SIGKILL)
        assert got.wait(20)

    def test_where_no_file_can_be_made_threads_still_wait(self, tmp_path):
        line = Queue(str(tmp_path / "nothing" / "demo.sqlite3"))
        turn = line.wait(1)
        assert line.wait(0.01) is None
        turn.end()

    def test_a_forked_process_has_queues_of_its_own(self, path):
        turn = queue_of(path).wait(1)
        child = os.fork()
        if child == 0:
            os._exit(int(path in queue._queues))
        assert os.waitpid(child, 0)[1] == 0
        turn.end()


@pytest.mark.django_db(transaction=True)
class TestConnection:
    """Whether a turn is free is asked of a queue of another process."""

    @pytest.fixture
    def is_free(self):
        other = Queue(str(connection.settings_dict["NAME"]))

        def look():
            # Not by `wait`, which would wait in the kernel.
            try:
                fcntl.flock(other._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            fcntl.flock(other._file, fcntl.LOCK_UN)
            return True

        yield look
        connection.close()

    def test_a_transaction_is_a_turn(self, is_free):
        with transaction.atomic():
            assert not is_free()
            with transaction.atomic():
                pass
            assert not is_free()
        assert is_free()

    def test_reading_needs_none(self, is_free):
        assert not Source.objects.exists()
        assert is_free()

    def test_it_ends_with_an_error(self, is_free):
        with pytest.raises(RuntimeError), transaction.atomic():
            raise RuntimeError("on purpose")
        assert is_free()

    def test_it_ends_with_the_connection(self, is_free):
        with transaction.atomic():
            connection.close()
            assert is_free()

    def test_a_begin_that_fails_takes_none(self, is_free):
        connection.ensure_connection()
        connection.connection.execute("PRAGMA busy_timeout = 10")
        other = connections["default"].copy()
        with other.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE")  # as a program does that knows of no queue
        with pytest.raises(OperationalError, match="is locked"), transaction.atomic():
            pass
        other.close()
        assert is_free()

    def test_who_has_waited_long_enough_is_told_so(self):
        line = queue_of(str(connection.settings_dict["NAME"]))
        turn = line.wait(1)
        connection.ensure_connection()
        connection.connection.execute("PRAGMA busy_timeout = 10")
        with pytest.raises(OperationalError, match="is locked"), transaction.atomic():
            pass
        turn.end()
        connection.close()

    def test_who_notes_the_use_of_a_key_stands_in_it_too(self):
        key, token = create_api_key(name="Demo bot", actor="test")
        turn = queue_of(str(connection.settings_dict["NAME"])).wait(1)
        connection.connection.execute("PRAGMA busy_timeout = 10")
        assert authenticate(token) == key  # the note is given up, not the request
        assert ApiKey.objects.get().last_used_at is None
        turn.end()
        assert authenticate(token) == key
        assert ApiKey.objects.get().last_used_at is not None
        connection.close()

    def test_its_file_is_beside_the_database(self):
        with transaction.atomic():
            found = Path(str(connection.settings_dict["NAME"]) + ENDING).stat()
            assert stat.S_IMODE(found.st_mode) == 0o600  # a stranger's lock would stop all writing
