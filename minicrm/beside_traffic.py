"""Steps of migrations that keep nobody from reading and writing a large table meanwhile.

On PostgreSQL; SQLite has one writer anyway, and there they are Django's own steps. A migration
with one of these has `atomic = False` and no other step in it.
"""

from contextlib import AbstractContextManager, nullcontext

from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState
from django.db.models import CheckConstraint

from minicrm.migrating.waiting import telling_whom_it_waits_for

# A request's limits (settings.py) are none for a walk over all rows there are.
LIMITS = ("statement_timeout", "lock_timeout")


class AddIndexBesideTraffic(migrations.AddIndex):
    """Build an index while others write.

    One that was broken off leaves a remnant that no query uses; it goes first, so the migration
    may be run again. Waits without a limit for transactions that are older than it; nobody waits
    behind it meanwhile.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if not _is_ours(schema_editor):
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        for limit in LIMITS:
            schema_editor.execute(f"SET {limit} = 0")
        with _telling(schema_editor, self.index.name):
            schema_editor.remove_index(model, self.index, concurrently=True)  # type: ignore[call-arg]
            schema_editor.add_index(model, self.index, concurrently=True)  # type: ignore[call-arg]
        for limit in LIMITS:
            schema_editor.execute(f"RESET {limit}")

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if not _is_ours(schema_editor):
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        model = from_state.apps.get_model(app_label, self.model_name)
        schema_editor.remove_index(model, self.index, concurrently=True)  # type: ignore[call-arg]


class AddCheckBesideTraffic(migrations.AddConstraint):
    """Add a check for what is written from now on, then look through what is there already.

    The first takes the table for a moment, the second keeps nobody from writing. May be run again.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if not _is_ours(schema_editor):
            with transaction.atomic(schema_editor.connection.alias):  # SQLite writes the table anew
                super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        if not isinstance(self.constraint, CheckConstraint):
            raise TypeError("Only a check can be added before it is looked into.")
        model = to_state.apps.get_model(app_label, self.model_name)
        table = schema_editor.quote_name(model._meta.db_table)
        name = schema_editor.quote_name(self.constraint.name)
        added = str(self.constraint.create_sql(model, schema_editor))
        schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        schema_editor.execute(f"{added} NOT VALID", params=None)
        schema_editor.execute("SET statement_timeout = 0")
        schema_editor.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
        schema_editor.execute("RESET statement_timeout")


def _telling(schema_editor: BaseDatabaseSchemaEditor, name: str) -> AbstractContextManager[None]:
    if schema_editor.collect_sql:
        return nullcontext()  # nothing is executed, so nothing waits
    return telling_whom_it_waits_for(schema_editor.connection, what=f"The index {name}")


def _is_ours(schema_editor: BaseDatabaseSchemaEditor) -> bool:
    return schema_editor.connection.vendor == "postgresql"
