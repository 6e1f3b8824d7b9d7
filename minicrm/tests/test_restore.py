"""restore: everything as it was, or nothing at all."""

import re
import subprocess
import sys

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from distribution.models import AuditEvent, Operator, Source
from distribution.tests.factories import OperatorFactory, SourceFactory
from leads.models import Contact, Lead
from leads.tests.factories import LeadFactory, WaitingContactFactory
from minicrm.tests.archives import manifest_of, members, with_manifest, with_rows, write_archive
from minicrm.tests.backup_world import backup, make_world, restore, state
from minicrm.tests.choosing import every
from minicrm.tests.people import make_user
from minicrm.tests.server import ROOT, database_url, environment

pytestmark = pytest.mark.django_db(transaction=True)
ANYWAY = {"replace": True, "yes": True}


@pytest.fixture
def archive(tmp_path):
    """A backup of a world."""
    make_world()
    backup(tmp_path / "good.tar.gz")
    return tmp_path / "good.tar.gz"


def test_brings_back_every_row_as_it_was(archive, tmp_path):
    Operator.objects.update(name="Spoilt", current_load=9)
    WaitingContactFactory.create_batch(2)
    Contact.objects.filter(status="closed").update(message="Spoilt")
    Group.objects.all().delete()
    said = restore(archive, **ANYWAY)
    assert state(tmp_path) == manifest_of(archive)["tables"]
    assert "No differences. Operators checked: 1." in said
    assert AuditEvent.objects.filter(action="created").exists()


def test_everybody_signs_in_again(archive):
    assert Session.objects.exists()
    restore(archive, **ANYWAY)
    assert not Session.objects.exists()


def test_content_types_are_those_of_the_backup(archive, tmp_path):
    """The migrations of the new database have numbered them in another order."""
    content = members(archive)

    def shifted(table, **names):
        def change(found):
            for row in found:
                for name in names:
                    row[name] = row[name] + 1000
            return found

        return with_rows(content, table, change)

    for table, names in (
        ("contenttypes.contenttype", ["id"]),
        ("auth.permission", ["content_type_id", "id"]),
        ("auth.group_permissions", ["permission_id"]),
        ("auth.user_user_permissions", ["permission_id"]),
        ("admin.logentry", ["content_type_id"]),
    ):
        content = shifted(table, **dict.fromkeys(names))
    restore(write_archive(tmp_path / "other.tar.gz", content), **ANYWAY)
    user = Group.objects.get(name="supervisor").user_set.get()
    assert user.has_perms(["auth.view_user", "leads.change_contact"])
    assert ContentType.objects.get_for_model(Contact).pk > 1000


def test_numbers_of_deleted_rows_are_not_given_again(tmp_path):
    last = OperatorFactory.create_batch(3)[-1].pk
    Operator.objects.all().delete()
    backup(tmp_path / "a.tar.gz")
    restore(tmp_path / "a.tar.gz", **ANYWAY)
    assert OperatorFactory().pk == last + 1
    assert SourceFactory().pk >= 1
    restore(tmp_path / "a.tar.gz", skip_ids=1000, **ANYWAY)
    assert OperatorFactory().pk == last + 1001


def test_numbers_left_out_are_known_to_the_next_backup(tmp_path):
    """Though no row was given one of them."""
    last = OperatorFactory().pk
    backup(tmp_path / "first.tar.gz")
    restore(tmp_path / "first.tar.gz", skip_ids=1000, **ANYWAY)
    backup(tmp_path / "second.tar.gz")
    restore(tmp_path / "second.tar.gz", **ANYWAY)
    assert OperatorFactory().pk == last + 1001


def test_into_a_database_that_was_only_migrated(archive, tmp_path):
    call_command("flush", interactive=False, verbosity=0)
    assert "Restored: " in restore(archive)
    assert state(tmp_path) == manifest_of(archive)["tables"]


def test_refuses_a_database_in_use(tmp_path):
    backup(tmp_path / "empty.tar.gz")
    for make in (lambda: make_user("viewer"), OperatorFactory, LeadFactory):
        kept = make()
        with pytest.raises(CommandError) as caught:
            restore(tmp_path / "empty.tar.gz")
        assert f"The database is in use: there are rows in {kept._meta.label_lower}" in str(
            caught.value
        )
        assert "--replace" in str(caught.value)
        assert type(kept).objects.get() == kept
        type(kept).objects.all().delete()


def test_replacing_wants_the_name_of_the_database(archive, tmp_path, monkeypatch):
    OperatorFactory(name="Kept")
    before = state(tmp_path)
    with pytest.raises(CommandError, match="asks at a terminal, or takes --yes"):
        restore(archive, replace=True)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _question: "yes")
    with pytest.raises(CommandError, match="That was not its name"):
        restore(archive, replace=True)
    assert state(tmp_path) == before


def test_another_version_says_which_one_to_install(archive, tmp_path):
    def change(manifest):
        manifest["version"] = "9.9.9"
        manifest["migrations"].append(["leads", "0999_newer"])

    bad = write_archive(tmp_path / "bad.tar.gz", with_manifest(members(archive), change))
    before = state(tmp_path)
    with pytest.raises(CommandError) as caught:
        restore(bad, **ANYWAY)
    told = str(caught.value)
    assert "it has in addition leads.0999_newer" in told
    assert "Install version 9.9.9, restore with it, and then upgrade" in told
    assert state(tmp_path) == before


def test_apps_that_are_no_longer_there_do_not_matter(archive, tmp_path):
    def change(manifest):
        manifest["migrations"] += [["sessions", "0999_newer"], ["gone", "0001_initial"]]

    other = write_archive(tmp_path / "other.tar.gz", with_manifest(members(archive), change))
    assert "Restored: " in restore(other, **ANYWAY)


KILLED = """
import os, signal, sys
import django
django.setup()
from pathlib import Path
from django.db import connection
from minicrm.backups import check_archive, restore_archive

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def advance(done, total):
    if sys.argv[2] == "in the middle" and done > total // 2:
        die()

if sys.argv[2] == "before the commit":
    connection.commit = die
with Path(sys.argv[1]).open("rb") as file:
    restore_archive(file, check_archive(file), replace=True, skip_ids=0, advance=advance)
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", every(2, ["before the commit", "in the middle"]))
def test_killed_it_has_done_nothing(archive, tmp_path, moment):
    LeadFactory.create_batch(3)  # their numbers are above those of the archive
    Source.objects.update(name="Kept")
    Lead.objects.update(name="Kept")
    before = state(tmp_path)
    last = Lead.objects.latest("pk").pk
    env = environment(DJANGO_SETTINGS_MODULE="minicrm.settings")
    command = [sys.executable, "-c", KILLED, str(archive), moment]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()
    assert state(tmp_path) == before
    assert set(Lead.objects.values_list("name", flat=True)) == {"Kept"}
    assert LeadFactory().pk == last + 1


@pytest.mark.postgresql
def test_when_it_says_that_nothing_changed_nothing_has(archive, tmp_path):
    """Counting afresh is its last statement, and has no limit of time either."""
    LeadFactory(name="Kept")
    before = state(tmp_path)
    limits = []

    def fail(execute, sql, params, many, context):
        if not sql.startswith("ANALYZE"):
            return execute(sql, params, many, context)
        limits.append(context["connection"].connection.execute("SHOW statement_timeout").fetchone())
        raise OperationalError("canceling statement due to statement timeout")

    unchanged = pytest.raises(CommandError, match=r"The data in the database is as it was\.")
    with connection.execute_wrapper(fail), unchanged:
        restore(archive, **ANYWAY)
    assert limits == [("0",)]
    assert state(tmp_path) == before


@pytest.mark.postgresql
@pytest.mark.parametrize("outcome", ["committed", "aborted"])
def test_a_connection_lost_at_the_commit_leaves_it_open(archive, monkeypatch, outcome):
    Lead.objects.update(name="Before")

    def commit():
        if outcome == "committed":
            connection._commit()
        pid = connection.connection.info.backend_pid
        with psycopg.connect(database_url(), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    monkeypatch.setattr(connection, "commit", commit)
    with pytest.raises(CommandError) as caught:
        restore(archive, **ANYWAY)
    monkeypatch.undo()
    told = str(caught.value)
    assert "it is not known whether all data was replaced, or nothing" in told
    assert "as it was" not in told
    (query,) = re.findall(r"SELECT pg_xact_status\('[0-9]+'\)", told)
    with connection.cursor() as cursor:
        cursor.execute(query)
        assert cursor.fetchone() == (outcome,)
    assert Lead.objects.filter(name="Before").exists() == (outcome == "aborted")


@pytest.mark.slow
@pytest.mark.slow_on_postgresql
def test_through_a_pipe(archive, tmp_path):
    command = [sys.executable, "manage.py", "restore", "-", "--replace", "--yes"]
    Lead.objects.update(name="Spoilt")
    with archive.open("rb") as content:
        subprocess.run(command, cwd=ROOT, env=environment(), stdin=content, check=True)
    assert state(tmp_path) == manifest_of(archive)["tables"]
