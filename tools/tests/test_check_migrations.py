"""The check of migrations lets what is safe pass, and names what is not."""

import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from minicrm.tests.choosing import every
from tools.check_migrations import apply_and_render, dangers, missed_by_the_release

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

START = """
from django.db import migrations, models

class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel("Probe", [
            ("id", models.BigAutoField(primary_key=True)),
            ("name", models.CharField(max_length=10)),
            ("colour", models.CharField(max_length=10)),
        ]),
    ]
"""
NEXT = """
from django.db import migrations, models
from django.contrib.postgres.operations import AddIndexConcurrently
from minicrm.beside_traffic import AddCheckBesideTraffic, AddIndexBesideTraffic

class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = [("minicrm", "0001_start")]
    operations = [{operation}]
"""
INDEX = 'models.Index(fields=["colour"], name="probe_colour")'
CHECK = 'models.CheckConstraint(condition=~models.Q(colour=""), name="probe_colour_said")'

DANGEROUS = {
    "a column that is required": (
        'migrations.AddField("probe", "size", models.IntegerField())',
        {"adding-required-field", "adds rows without 'size'"},
    ),
    "a default that Django alone knows": (
        'migrations.AddField("probe", "size", models.IntegerField(default=1))',
        {"ban-drop-default", "adds rows without 'size'"},
    ),
    "an index that locks out writers": (
        f'migrations.AddIndex("probe", {INDEX})',
        {"require-concurrent-index-creation"},
    ),
    "a renamed column": (
        'migrations.RenameField("probe", "colour", "shade")',
        {"renaming-column", "uses 'colour', and it is gone", "adds rows without 'shade'"},
    ),
    "a renamed table": (
        'migrations.RenameModel("Probe", "Sample")',
        {"renaming-table", "uses its table, and it is gone"},
    ),
    "a dropped column that the last release uses": (
        'migrations.RemoveField("probe", "colour")',
        {"uses 'colour', and it is gone"},
    ),
    "a dropped table": (
        'migrations.DeleteModel("Probe")',
        {"uses its table, and it is gone"},
    ),
    "a longer text": (
        'migrations.AlterField("probe", "colour", models.CharField(max_length=20))',
        {"changing-column-type"},
    ),
    "a number that was a text": (
        'migrations.AlterField("probe", "colour", models.IntegerField())',
        {"changing-column-type"},
    ),
    "a check that reads all rows under a lock": (
        f'migrations.AddConstraint("probe", {CHECK})',
        {"constraint-missing-not-valid"},
    ),
    "a unique column": (
        'migrations.AlterField("probe", "colour", models.CharField(max_length=10, unique=True))',
        {"disallowed-unique-constraint"},
    ),
}
SAFE = {
    "a column that may be empty": (
        'migrations.AddField("probe", "at", models.DateTimeField(null=True))', True
    ),
    "a default in the database": (
        'migrations.AddField("probe", "size", models.IntegerField(db_default=1))', True
    ),
    "a new table": (
        'migrations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True)),'
        ' ("probe", models.ForeignKey("minicrm.Probe", models.CASCADE))])', True
    ),
    "only words": (
        'migrations.AlterField("probe", "colour", models.CharField("shade", max_length=10))', True
    ),
    "an index beside the traffic": (f'AddIndexBesideTraffic("probe", {INDEX})', False),
    "a check beside the traffic": (f'AddCheckBesideTraffic("probe", {CHECK})', False),
}  # fmt: skip


@pytest.fixture
def faults(settings, tmp_path, monkeypatch):
    """Return what is found in a second migration of an app that has none otherwise."""

    def find(operation, *, name, atomic=True, then=None):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "0001_start.py").write_text(START)
        (folder / "0002_next.py").write_text(NEXT.format(atomic=atomic, operation=operation))
        released, newest = "0001_start", "0002_next"
        if then is not None:
            released, newest = "0002_next", "0003_then"
            text = NEXT.format(atomic=True, operation=then).replace("0001_start", released)
            (folder / f"{newest}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        settings.MIGRATION_MODULES = {"minicrm": name}
        before = {"minicrm": released}
        try:
            migrations = apply_and_render(connection, before)
            assert [migration.name for migration in migrations] == [f"minicrm.{newest}"]
            return [*dangers(migrations), *missed_by_the_release(connection, before)]
        finally:
            with connection.cursor() as cursor:
                cursor.execute("DROP TABLE IF EXISTS minicrm_other, minicrm_probe, minicrm_sample")
                cursor.execute("DELETE FROM django_migrations WHERE app = 'minicrm'")

    return find


@pytest.mark.parametrize("name", every(2, DANGEROUS))
def test_names_what_is_dangerous(name, faults):
    operation, expected = DANGEROUS[name]
    found = faults(operation, name=name.replace(" ", "_"))
    for words in expected:
        assert any(words in fault for fault in found), (words, found)


@pytest.mark.parametrize("name", SAFE)
def test_lets_pass_what_is_safe(name, faults):
    operation, atomic = SAFE[name]
    assert faults(operation, atomic=atomic, name=name.replace(" ", "_")) == []


def test_what_is_broken_off_can_be_repeated(faults):
    operation = f'AddIndexConcurrently("probe", {INDEX})'
    found = faults(operation, atomic=False, name="unrepeatable")
    assert any("broken off, it could not be run again" in fault for fault in found), found


def test_a_column_goes_in_two_releases(faults):
    """First the code forgets it, which needs a default; then the table may."""
    forget = (
        "migrations.SeparateDatabaseAndState(state_operations=["
        'migrations.RemoveField("probe", "colour")], database_operations=[migrations.RunSQL('
        "\"ALTER TABLE minicrm_probe ALTER COLUMN colour SET DEFAULT ''\")])"
    )
    assert faults(forget, name="forgetting") == []
    drop = 'migrations.RunSQL("ALTER TABLE minicrm_probe DROP COLUMN colour")'
    assert faults(forget, then=drop, name="dropping") == []


@pytest.mark.thorough
def test_our_own_migrations_pass():
    done = subprocess.run(
        [sys.executable, "-m", "tools.check_migrations"],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("Faults: 0.\n")
    loader = MigrationExecutor(connection).loader
    newest = loader.graph.leaf_nodes("leads")[0][1]
    assert f"leads.{newest}" in done.stdout
