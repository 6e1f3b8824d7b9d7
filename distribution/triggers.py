"""Triggers that renew `Source.weights_version` with each change of the source's weights.

They are the database's own: so a cascade counts, and a change in bulk, or by hand. The numbers are
drawn, so that none comes again, after a rollback either. To alter one of the two tables on SQLite
is to make it anew, which triggers do not survive: docs/migrations.md.
"""

from django.apps.registry import Apps
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

NUMBER = {"postgresql": "(random() * 9007199254740991)::bigint", "sqlite": "random()"}
# Also for a session that looks nowhere for tables, as pg_restore's does.
FUNCTION = f"""
CREATE FUNCTION distribution_renew_weights_version() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE distribution_source SET weights_version = {NUMBER["postgresql"]};
    ELSE
        UPDATE distribution_source SET weights_version = {NUMBER["postgresql"]}
        WHERE id IN (SELECT source_id FROM changed);
    END IF;
    RETURN NULL;
END $$
"""  # noqa: S608 - what is put together here is written above
POSTGRESQL = """
CREATE TRIGGER {name} AFTER {event} ON distribution_operatorsourceweight
{rows} FOR EACH STATEMENT EXECUTE FUNCTION distribution_renew_weights_version()
"""
# An UPDATE might give a weight to another source: then both have another set.
ON_POSTGRESQL = {
    "distribution_weights_added": ("INSERT", "REFERENCING NEW TABLE AS changed"),
    "distribution_weights_deleted": ("DELETE", "REFERENCING OLD TABLE AS changed"),
    "distribution_weights_before": ("UPDATE", "REFERENCING OLD TABLE AS changed"),
    "distribution_weights_after": ("UPDATE", "REFERENCING NEW TABLE AS changed"),
    "distribution_weights_gone": ("TRUNCATE", ""),
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
    """Have each change of weights renew the number of the source, and begin with new ones.

    The weights may have changed while there were no triggers.
    """
    vendor = schema_editor.connection.vendor
    schema_editor.execute(f"UPDATE distribution_source SET weights_version = {NUMBER[vendor]}")  # noqa: S608
    if vendor == "postgresql":
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
