"""Check that migrations can run while the application works, and old code with the new schema.

Applies all migrations to an empty PostgreSQL of its own, one after another. What each one not yet
released says in SQL is judged by squawk (.squawk.toml names the rules left out, and why); then the
tables are compared with what the models of the last release need. Exit status 1 with one line for
each fault, 2 if it could not be done. docs/migrations.md says what to do instead.

    python -m tools.check_migrations [--sql]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / ".squawk.toml"
APPS = frozenset({"minicrm", "distribution", "leads"})
# The last migrations of the last release: set anew with each. Before the first one, those are left
# out that created the tables and shaped them while there was no data anywhere to be locked.
RELEASED = {"distribution": "0004_lead_events", "leads": "0006_merged_leads"}
# What squawk warns of and may be, by migration and rule.
ACCEPTED = {
    # Writes the table of operators anew: with 10,000 of them, tens of milliseconds.
    ("distribution.0006_operator_is_free", "adding-field-with-default"),
}

COLUMNS = """
SELECT column_name, is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES'
    OR is_generated <> 'NEVER'
FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = %s
"""


DROPPED = re.compile(r'DROP CONSTRAINT (?:IF EXISTS )?("[^"]+")')
ADDED = re.compile(r'ADD CONSTRAINT ("[^"]+")')


@dataclass(frozen=True, slots=True)
class Rendered:
    """A migration as SQL, whether that is one transaction, and whether it may be run again."""

    name: str
    atomic: bool
    repeatable: bool
    sql: str


def apply_and_render(
    connection: BaseDatabaseWrapper, released: Mapping[str, str]
) -> list[Rendered]:
    """Apply what is not applied yet; return those as SQL that no release had."""
    from django.db.migrations.executor import MigrationExecutor

    from minicrm.migrating.repeating import is_repeatable

    executor = MigrationExecutor(connection)
    graph = executor.loader.graph
    before = {node for key in released.items() for node in graph.forwards_plan(key)}
    rendered = []
    for migration, _backwards in executor.migration_plan(graph.leaf_nodes()):
        key = (migration.app_label, migration.name)
        if migration.app_label in APPS and key not in before:
            statements = executor.loader.collect_sql([(migration, False)])
            sql = "\n".join(statements) + "\n"
            again = is_repeatable(migration)
            rendered.append(Rendered(".".join(key), bool(migration.atomic), again, sql))
        executor.migrate([key])
        executor.loader.build_graph()
    return rendered


def dangers(migrations: Sequence[Rendered]) -> Iterator[str]:
    """Yield what is wrong with the migrations; raise RuntimeError where squawk does not work."""
    for migration in migrations:
        if not migration.repeatable:
            yield (
                f"{migration.name}: runs in no transaction, and has steps besides those of"
                " minicrm.beside_traffic: broken off, it could not be run again."
            )
    for atomic in (True, False):
        chosen = [migration for migration in migrations if migration.atomic == atomic]
        with tempfile.TemporaryDirectory() as folder:
            for migration in chosen:
                (Path(folder) / f"{migration.name}.sql").write_text(migration.sql)
            if chosen:
                yield from _squawk(Path(folder), atomic=atomic)


def _squawk(folder: Path, *, atomic: bool) -> Iterator[str]:
    wrapped = "--assume-in-transaction" if atomic else "--no-assume-in-transaction"
    files = sorted(folder.glob("*.sql"))
    program = Path(sys.executable).with_name("squawk")
    done = subprocess.run(
        [program, "--config", CONFIG, "--reporter", "json", wrapped, *files],
        capture_output=True,
        text=True,
    )
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(f"squawk failed: {done.stderr or done.stdout}") from None
    for fault in found:
        name = Path(fault["file"]).stem
        if (name, fault["rule_name"]) in ACCEPTED:
            continue
        if fault["rule_name"] == "ban-drop-constraint" and _adds_again(Path(fault["file"])):
            continue
        yield f"{name}: {fault['rule_name']}: {fault['message']} {fault['help'] or ''}".rstrip()


def _adds_again(file: Path) -> bool:
    """Whether the constraints that are dropped are added again, as a repeatable step does."""
    sql = file.read_text()
    return set(DROPPED.findall(sql)) <= set(ADDED.findall(sql))


def missed_by_the_release(
    connection: BaseDatabaseWrapper, released: Mapping[str, str]
) -> Iterator[str]:
    """Yield what the models of the last release, still at work during an upgrade, would miss."""
    from django.db.migrations.loader import MigrationLoader

    state = MigrationLoader(connection).project_state(list(released.items()))
    with connection.cursor() as cursor:
        for model in state.apps.get_models(include_auto_created=True):
            if model._meta.app_label not in released or not model._meta.managed:
                continue
            cursor.execute(COLUMNS, [model._meta.db_table])
            filled = dict(cursor.fetchall())
            known = {str(field.column) for field in model._meta.local_concrete_fields}
            label = model._meta.label
            if not filled:
                yield f"{label}: the last release uses its table, and it is gone or renamed."
                continue
            for column in sorted(known - filled.keys()):
                yield f"{label}: the last release uses {column!r}, and it is gone or renamed."
            for column in sorted(filled.keys() - known):
                if not filled[column]:
                    yield (
                        f"{label}: the last release adds rows without {column!r}, which is NOT NULL"
                        " and has no default in the database (db_default)."
                    )


def main() -> int:
    """Check everything in a database of our own; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sql", action="store_true", help="show what is judged")
    options = parser.parse_args()
    from tools.with_postgres import PostgresError, running_postgres

    try:
        with running_postgres(fast=True) as server:
            os.environ |= {"DATABASE_URL": server.url, "SECRET_KEY": "for-this-check-alone" * 3}
            return _check(show_sql=options.sql)
    except (PostgresError, RuntimeError, OSError) as error:
        print(f"check_migrations: {error}", file=sys.stderr)
        return 2


def _check(*, show_sql: bool) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "minicrm.settings")
    import django

    django.setup()
    from django.db import connection

    migrations = apply_and_render(connection, RELEASED)
    for migration in migrations if show_sql else ():
        print(f"-- {migration.name}\n{migration.sql}")
    faults = [*dangers(migrations), *missed_by_the_release(connection, RELEASED)]
    connection.close()
    for fault in faults:
        print(fault)
    checked = ", ".join(migration.name for migration in migrations) or "none since the release"
    print(f"Migrations checked: {checked}. Faults: {len(faults)}.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
