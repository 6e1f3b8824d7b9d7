"""Triggers that renew `Source.weights_version` with each change of the source's weights.

They are the database's own: so a cascade counts, and a change in bulk, or by hand. The numbers are
drawn, so that none comes again, after a rollback either. To alter one of the two tables on SQLite
is to make it anew, which triggers do not survive: docs/migrations.md.
"""

from django.apps.registry import Apps
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

FUNCTION = """
CREATE FUNCTION distribution_renew_weights_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE distribution_source SET weights_version = (random() * 9007199254740991)::bigint
    WHERE id IN (SELECT source_id FROM changed);
    RETURN NULL;
END $$
"""
POSTGRESQL = """
CREATE TRIGGER {name} AFTER {event} ON distribution_operatorsourceweight
REFERENCING {rows} TABLE AS changed FOR EACH STATEMENT
EXECUTE FUNCTION distribution_renew_weights_version()
"""
# An UPDATE might give a weight to another source: then both have another set.
ON_POSTGRESQL = {
    "distribution_weights_added": ("INSERT", "NEW"),
    "distribution_weights_deleted": ("DELETE", "OLD"),
    "distribution_weights_before": ("UPDATE", "OLD"),
    "distribution_weights_after": ("UPDATE", "NEW"),
}
SQLITE = """
CREATE TRIGGER {name} AFTER {event} ON distribution_operatorsourceweight BEGIN
    UPDATE distribution_source SET weights_version = random() WHERE id IN ({sources});
END
"""
ON_SQLITE = {
    "distribution_weights_added": ("INSERT", "NEW.source_id"),
    "distribution_weights_deleted": ("DELETE", "OLD.source_id"),
    "distribution_weights_changed": ("UPDATE", "OLD.source_id, NEW.source_id"),
}


def create_triggers(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Have each change of weights renew the number of the source."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION)
        for name, (event, rows) in ON_POSTGRESQL.items():
            schema_editor.execute(POSTGRESQL.format(name=name, event=event, rows=rows))
        return
    for name, (event, sources) in ON_SQLITE.items():
        schema_editor.execute(SQLITE.format(name=name, event=event, sources=sources))


def drop_triggers(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Undo that."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION distribution_renew_weights_version() CASCADE")
        return
    for name in ON_SQLITE:
        schema_editor.execute(f"DROP TRIGGER {name}")
