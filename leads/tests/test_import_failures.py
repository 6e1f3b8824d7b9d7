"""Each statement of an import fails, in each way that a database fails.

Where the transaction can be run again nobody notices. Where the database is gone the import ends
with a word, and running the same command again sets it right: nothing twice, nothing missing.
"""

import io
import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from distribution.models import Operator
from distribution.tests.factories import SourceFactory, WeightFactory
from leads.management.commands import import_contacts
from leads.models import Assignment, Contact, IdempotencyRecord, Lead, LeadConflict
from leads.services import batches
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import LeadFactory
from leads.tests.imported import Numbers
from minicrm.tests.failing import COMMIT, FAILURES, Statements
from minicrm.tests.server import ROOT, environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ARGS = ("--source=Bot", "--external-id=id", "--email=mail", "--phone=tel", "-v0")
# New, filled in, a conflict, an equal row, one that is refused; and a second batch, which waits.
FILE = """id,mail,tel
new,new@example.com,
known,known@example.com,
known,,+442079460002
new,new@example.com,
bad,nobody,
six,,
seven,,
"""
CASES = [
    pytest.param(failure, marks=getattr(pytest.mark, failure.vendor), id=str(failure))
    for failure in FAILURES
]


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A file whose rows are stored in two transactions; the second one's contacts wait."""
    monkeypatch.setattr(import_contacts, "AT_ONCE", 5)
    WeightFactory(source=SourceFactory(name="Bot"), operator__max_load=4)
    path = tmp_path / "demo.csv"
    path.write_text(FILE)
    yield path
    connection.close()  # it may be lost


def begin_anew():
    """Leave nothing but the leads that the file's rows know."""
    for model in (Assignment, Contact, IdempotencyRecord, LeadConflict, Lead):
        model.objects.all().delete()
    Operator.objects.update(current_load=0)
    LeadFactory(external_id="known")
    LeadFactory(external_id=None, phone="+442079460002")


def run(path, statements=None):
    """Run the command; return what it says, or why it ended."""
    out = io.StringIO()
    try:
        with (statements or Statements()).watched():
            call_command("import_contacts", str(path), *ARGS, stdout=out, stderr=io.StringIO())
    except CommandError as error:
        return str(error)
    return [line.rsplit(" in ", 1)[0] for line in out.getvalue().splitlines()]


def clean_run(path):
    """Return what is said and stored, and the statements, when nothing fails."""
    begin_anew()
    statements = Statements()
    said = run(path, statements)
    assert said[0].split() == ["imported", "6", "(assigned", "4,", "waiting", "2)"]
    assert statements.texts.count(COMMIT) == 2
    assert_promises_kept()
    return said, Numbers().everything(), statements.texts


@pytest.mark.parametrize("failure", CASES)
def test_statement_that_fails(failure, path):
    prove(failure, path)


def prove(failure, path):
    said, stored, texts = clean_run(path)
    # Before the first row nothing is begun that could be lost; the report comes after the last.
    first = next(at for at, text in enumerate(texts) if "leads_idempotencyrecord" in text)
    last = max(at for at, text in enumerate(texts) if text == COMMIT)
    for at in range(first, last + 1):
        if not failure.can_hit(texts[at]):
            continue
        begin_anew()
        statements = Statements(failure.ways, at)
        outcome = run(path, statements)
        if failure.gone:
            assert "The database failed, rows done: " in outcome, texts[at]
            assert "Run the same command again" in outcome
            connection.close()
            assert_promises_kept()
            run(path)
        else:
            assert outcome == said, f"not as in a clean run: {texts[at]}"
            # Not all ways where the same statement came before: numbers begin anew with a retry.
            assert len(statements.left) < len(failure.ways), "it did not fail"
        assert Numbers().everything() == stored, f"not as in a clean run: {texts[at]}"
    assert last > first + 20


def test_without_retries_it_fails(path, monkeypatch):
    monkeypatch.setattr(batches, "_store", batches._store.__wrapped__)
    for failure in FAILURES:
        if failure.vendor == connection.vendor and not failure.gone:
            with pytest.raises(AssertionError, match="not as in a clean run"):
                prove(failure, path)


KILLED = """
import os, sys, django
django.setup()
from django.core.management import call_command
from django.db import connection
from leads.management.commands import import_contacts
import_contacts.AT_ONCE = 5
left = int(os.environ["STATEMENTS"])
def count(execute, sql, params, many, context):
    global left
    left -= 1
    if not left:
        os._exit(9)
    return execute(sql, params, many, context)
connection.execute_wrappers.append(count)
call_command("import_contacts", *sys.argv[1:])
"""


@pytest.mark.slow_on_postgresql
def test_killed_at_any_of_a_dozen_statements_it_goes_on_from_there(path):
    """Of the first batch or the second: what is stored are whole batches, and the rest follows.

    A dozen in CI, else half of them.
    """
    _, stored, texts = clean_run(path)
    env = environment(DJANGO_SETTINGS_MODULE="minicrm.settings")
    for at in range(8, len(texts), 6 if os.environ.get("CI") else 13):
        begin_anew()
        command = [sys.executable, "-c", KILLED, str(path), *ARGS]
        killed = subprocess.run(
            command, cwd=ROOT, env=env | {"STATEMENTS": str(at)}, capture_output=True, check=False
        )
        assert killed.returncode == 9, killed.stderr
        assert Contact.objects.count() in (0, 4, 6)
        assert_promises_kept()
        run(path)
        assert Numbers().everything() == stored


@pytest.mark.postgresql
def test_a_source_that_is_deleted_under_a_batch_takes_its_own_row_alone(tmp_path, monkeypatch):
    """The database notices at COMMIT; the next look refuses the row, and the others are stored."""
    source, gone = SourceFactory(name="Bot"), SourceFactory(name="Gone")
    path = tmp_path / "demo.csv"
    path.write_text("id,from\n1,Bot\n2,Gone\n3,Bot\n")
    refused, looks = batches._refused, []

    def refused_before_it_went(rows):
        looks.append(refused(rows))
        if len(looks) == 1:
            other = connection.copy()
            with other.cursor() as cursor:
                cursor.execute("DELETE FROM distribution_source WHERE id = %s", [gone.pk])
            other.close()
        return looks[-1]

    monkeypatch.setattr(batches, "_refused", refused_before_it_went)
    call_command("import_contacts", str(path), "--source-from=from", "--external-id=id", "-v0")
    assert [len(look) for look in looks] == [0, 1]
    assert Contact.objects.filter(source=source).count() == Contact.objects.count() == 2
    assert_promises_kept()


@pytest.mark.postgresql
def test_says_that_another_import_is_under_way(path, monkeypatch):
    monkeypatch.setattr("minicrm.transactions.RETRY_FOR_SECONDS", 0)
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [batches.IMPORTS])
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 20")
    with pytest.raises(CommandError, match="Another import is under way"):
        call_command("import_contacts", str(path), *ARGS)
    other.close()
    assert not Contact.objects.exists()
