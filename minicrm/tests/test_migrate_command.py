"""migrate on PostgreSQL: it gives up its lock so that traffic passes, and tries again."""

import io
import threading
import time

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.models.signals import post_migrate

from minicrm.management.commands import migrate
from minicrm.migrating import waiting
from minicrm.migrating.locks import impatient, lock_holders
from minicrm.tests.server import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

TABLES = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("minicrm", "{before}")] if "{before}" else []
    operations = [migrations.RunSQL({sql!r})]
    atomic = {atomic}
"""
CREATE = ["CREATE TABLE probe (id integer)", "CREATE TABLE probe_done (id integer)"]
CHANGE = ["INSERT INTO probe_done VALUES (1)", "ALTER TABLE probe ADD COLUMN more integer"]


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.1)


@pytest.fixture
def migrations(settings, tmp_path, monkeypatch, request):
    """Two migrations of an app that has none otherwise; the first is applied."""
    folder = tmp_path / f"probe_{request.node.name}"
    folder.mkdir()
    atomic = getattr(request, "param", True)
    first, second = ("", CREATE, True), ("0001_create", CHANGE, atomic)
    for name, (before, sql, whole) in (("0001_create", first), ("0002_change", second)):
        text = TABLES.format(before=before, sql=sql, atomic=whole)
        (folder / f"{name}.py").write_text(text)
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    settings.MIGRATION_MODULES = {"minicrm": folder.name}
    call_command("migrate", "minicrm", "0001", verbosity=0)
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS probe, probe_done")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'minicrm'")


def run(**options):
    err = io.StringIO()
    call_command("migrate", "minicrm", stdout=io.StringIO(), stderr=err, **options)
    return err.getvalue()


def columns():
    with connection.cursor() as cursor:
        names = connection.introspection.get_table_description(cursor, "probe")
    return [column.name for column in names]


def count(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


class Traffic(threading.Thread):
    """Inserts rows all the time, as the application would; notes how long each took."""

    def __init__(self):
        super().__init__()
        self.waits, self.failures, self.over = [], [], threading.Event()

    def run(self):
        with psycopg.connect(database_url(), autocommit=True) as link:
            link.execute("SET lock_timeout = 3000")
            while not self.over.wait(0.02):
                started = time.monotonic()
                try:
                    link.execute("INSERT INTO probe (id) VALUES (1)")
                except psycopg.Error as error:
                    self.failures.append(str(error))
                self.waits.append(time.monotonic() - started)


@pytest.mark.slow
def test_traffic_passes_between_the_tries(migrations, monkeypatch):
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.5)
    blocker = psycopg.connect(database_url(), application_name="long report")
    blocker.execute("SELECT count(*) FROM probe")
    traffic = Traffic()
    traffic.start()
    end = threading.Timer(2.5, blocker.rollback)
    end.start()
    try:
        told = run(lock_timeout=400)
    finally:
        traffic.over.set()
        traffic.join()
        end.join()
        blocker.close()
    assert columns() == ["id", "more"]
    assert count("probe_done") == 1, "a try that failed left something behind"
    assert traffic.failures == []
    assert len(traffic.waits) > 20
    assert 0.3 < max(traffic.waits) < 1.0, "requests wait for one try, and for no more"
    assert "minicrm.0002_change did not get its locks within 400 ms" in told
    assert "of 'long report' (idle in transaction, its transaction open for" in told
    assert "Try 2 of 20 in" in told


@pytest.mark.slow
def test_gives_up_after_all_tries(migrations):
    with psycopg.connect(database_url()) as blocker:
        blocker.execute("SELECT count(*) FROM probe")
        with pytest.raises(CommandError) as caught:
            run(lock_timeout=100, lock_tries=2)
        told = str(caught.value)
        assert caught.value.returncode == 1
        assert f"held by process {blocker.info.backend_pid}" in told
        assert "Gave up after 2 tries. minicrm.0002_change is not applied" in told
        assert "pg_terminate_backend" in told
    assert columns() == ["id"]
    assert count("probe_done") == 0
    assert "Try" not in run()
    assert columns() == ["id", "more"]


def timeouts():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
        )
        return cursor.fetchone()


@pytest.mark.slow
def test_repeats_steps_that_may_be_repeated():
    """A check is added without a transaction; broken off, it begins again."""
    before = timeouts()
    call_command("migrate", "leads", "0010", verbosity=0)
    blocker = psycopg.connect(database_url())
    blocker.execute("SELECT count(*) FROM leads_lead")
    end = threading.Timer(1.5, blocker.close)
    end.start()
    err = io.StringIO()
    call_command("migrate", "leads", "0011", lock_timeout=200, stdout=io.StringIO(), stderr=err)
    end.join()
    assert (
        "leads.0011_erased_leads_have_nothing did not get its locks within 200 ms" in err.getvalue()
    )
    assert timeouts() == before
    call_command("migrate", verbosity=0)


@pytest.mark.slow
def test_an_index_says_whom_it_waits_for(monkeypatch, capsys):
    """Without a limit: nobody waits behind it."""
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 0.2)
    before = timeouts()
    call_command("migrate", "leads", "0009", verbosity=0)
    blocker = psycopg.connect(database_url(), application_name="long report")
    pid = blocker.info.backend_pid
    blocker.execute("LOCK TABLE leads_contact IN ROW EXCLUSIVE MODE")  # as a writer does
    end = threading.Timer(1.5, blocker.close)
    end.start()
    started = time.monotonic()
    call_command("migrate", "leads", "0010", lock_timeout=200, verbosity=0)
    assert time.monotonic() - started > 1.0
    end.join()
    told = capsys.readouterr().err
    assert told.count(f"for process {pid} of 'long report' (idle in transaction") == 1
    assert told.startswith("The index ")
    assert f"SELECT pg_terminate_backend({pid})" in told
    assert timeouts() == before
    call_command("migrate", verbosity=0)
    assert capsys.readouterr().err == "", "there is nobody to wait for"


def test_names_no_migration_for_what_follows_them(migrations):
    """All are applied when Django writes permissions and content types."""

    def write(**_):
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 100")
            try:
                cursor.execute("SELECT * FROM auth_group FOR UPDATE")
            finally:
                cursor.execute("RESET lock_timeout")

    post_migrate.connect(write)
    try:
        with psycopg.connect(database_url()) as blocker:
            blocker.execute("LOCK TABLE auth_group")
            with pytest.raises(CommandError) as caught:
                run(lock_tries=2)
        told = str(caught.value)
        assert "0002_change" not in told
        assert "What is done beside the migrations did not get its locks in time" in told
        assert "No migration was broken off" in told
        assert columns() == ["id", "more"]
        run()
    finally:
        post_migrate.disconnect(write)


@pytest.mark.parametrize("migrations", [False], indirect=True)
def test_does_not_repeat_half_a_migration(migrations):
    """Without a transaction nobody knows what of it was done."""
    with psycopg.connect(database_url()) as blocker:
        blocker.execute("SELECT count(*) FROM probe")
        with pytest.raises(OperationalError, match="lock timeout"):
            run(lock_timeout=100)
    assert count("probe_done") == 1


def test_may_take_longer_than_requests_may():
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 50")
        with impatient(connection, lock_ms=100), connection.schema_editor() as editor:
            editor.execute("SELECT pg_sleep(0.2)")
        with pytest.raises(OperationalError, match="statement timeout"):
            cursor.execute("SELECT pg_sleep(0.2)")
        cursor.execute("RESET statement_timeout")


def test_what_failed_at_its_end_is_rolled_back():
    with psycopg.connect(database_url()) as blocker, impatient(connection, lock_ms=50):
        blocker.execute("LOCK TABLE leads_lead")
        pid = blocker.info.backend_pid
        assert pid in {holder.pid for holder in lock_holders(connection)}
        editor = connection.schema_editor()
        editor.__enter__()
        editor.execute("CREATE TABLE half (id integer)")
        editor.deferred_sql.append("ALTER TABLE leads_lead ADD COLUMN more integer")
        with pytest.raises(OperationalError, match="lock timeout"):
            editor.__exit__(None, None, None)
    assert not connection.in_atomic_block
    assert "half" not in connection.introspection.table_names()
    # Not that nobody does: autovacuum comes by.
    assert pid not in {holder.pid for holder in lock_holders(connection)}
