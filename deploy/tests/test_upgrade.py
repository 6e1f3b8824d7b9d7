"""A new version comes while the old one serves: backup, migrate, one host after the other."""

from pathlib import Path

import pytest

from deploy.tests.load import check_nothing_lost, load

pytestmark = [pytest.mark.topology, pytest.mark.any_database]

# What a next version would bring: a column and an index on the table that all write to.
SETTINGS = """
from minicrm.settings import *
INSTALLED_APPS = [*INSTALLED_APPS, "next_version"]
"""
MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    atomic = False
    dependencies = [("leads", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE leads_contact ADD COLUMN demo_note text NULL",
            "ALTER TABLE leads_contact DROP COLUMN demo_note",
        ),
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY demo_note_index ON leads_contact (demo_note)",
            "DROP INDEX CONCURRENTLY demo_note_index",
        ),
    ]
"""


@pytest.fixture
def next_version(topology, tmp_path):
    """The environment in which manage.py is that of the next version."""
    package = tmp_path / "next_version" / "migrations"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "0001_demo.py").write_text(MIGRATION)
    Path(tmp_path / "next_settings.py").write_text(SETTINGS)
    env = {"PYTHONPATH": str(tmp_path), "DJANGO_SETTINGS_MODULE": "next_settings"}
    yield env
    topology.manage("migrate", "next_version", "zero", "--verbosity", "0", direct=True, **env)


def test_upgrade_as_the_documentation_says_loses_no_request(
    topology, stage, next_version, tmp_path, report
):
    def is_there():
        columns = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'demo_note'"
        return topology.postgres.psql(columns) == "1"

    with load(stage, connections=4) as running:
        running.wait_for_more(20)
        topology.manage("backup", str(tmp_path / "before.backup"), direct=True)
        assert not is_there()
        topology.manage("migrate", "--verbosity", "0", direct=True, **next_version)
        assert is_there()
        for host in topology.hosts:
            running.wait_for_more(20)
            host.reload()
        running.wait_for_more(20)
    lost = len(running.failed)
    report(f"backup, migration, hosts in turn: {len(running.answers)} requests, {lost} lost")
    assert running.summary() == {"201": len(running.answers)}
    check_nothing_lost(stage, running)
