"""Whether an archive and a database go together; nothing is changed here."""

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from minicrm import __version__
from minicrm.backups.manifest import Manifest
from minicrm.backups.snapshot import count_rows
from minicrm.backups.tables import EXCLUDED_APPS, backed_up_models, table_name

# What migrations write themselves, so that rows in them do not make a database one in use.
WRITTEN_BY_MIGRATIONS = frozenset(
    {"contenttypes.contenttype", "auth.permission", "auth.group", "auth.group_permissions"}
)
SHOWN = 3

Migrations = set[tuple[str, str]]


class Refused(Exception):
    """Nothing was restored, and nothing was changed; the message says what to do."""


def check_schema(applied: Migrations) -> None:
    """Refuse to write a backup of a database that this version knows only in part."""
    code, database = _of_the_code(), _known(applied)
    if code != database:
        raise Refused(
            "No backup was written: the database is of another version than this one, and"
            f" {_difference(code, database)}. Use the version that belongs to it, or run"
            " manage.py migrate."
        )


def check_versions(manifest: Manifest) -> None:
    """Refuse an archive of another schema than this version's."""
    code, archive = _of_the_code(), set(manifest.migrations)
    apps = {model._meta.app_label for model in backed_up_models()}
    archive = {(app, name) for app, name in archive if app in apps}
    tables = {table_name(model) for model in backed_up_models()} ^ manifest.tables.keys()
    if code == archive and not tables:
        return
    what = _difference(code, archive) or f"tables differ: {', '.join(sorted(tables))}"
    raise Refused(
        f"The backup was written by version {manifest.version}, and this is {__version__};"
        f" {what}. Install version {manifest.version}, restore with it, and then upgrade and run"
        " manage.py migrate."
    )


def migrations_to_run(connection: BaseDatabaseWrapper) -> bool:
    """Whether the tables are yet to be created, or completed; refuse if somebody uses them."""
    applied = _known(set(MigrationRecorder(connection).applied_migrations()))
    code = _of_the_code()
    if applied == code:
        return False
    if applied - code:
        raise Refused(
            "The database is of another version than this one:"
            f" {_difference(code, applied)}. Restore into an empty one."
        )
    if applied and (used := rows_of_others(connection)):
        raise Refused(
            f"The database is in use (there are rows in {', '.join(used)}), and not up to date."
            " Run manage.py migrate first, or restore into an empty one."
        )
    return True


def rows_of_others(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the tables with rows that somebody has put there."""
    with connection.cursor() as cursor:
        existing = set(connection.introspection.table_names(cursor))
    return [
        table_name(model)
        for model in backed_up_models()
        if table_name(model) not in WRITTEN_BY_MIGRATIONS
        and model._meta.db_table in existing
        and count_rows(model, connection)
    ]


def _of_the_code() -> Migrations:
    return _known(set(MigrationLoader(None).disk_migrations))


def _known(migrations: Migrations) -> Migrations:
    """Leave out those of apps that backups leave out, and of apps that are no longer installed."""
    apps = {model._meta.app_label for model in backed_up_models()} - EXCLUDED_APPS
    return {(app, name) for app, name in migrations if app in apps}


def _difference(code: Migrations, other: Migrations) -> str:
    parts = []
    for sense, names in (("it lacks", code - other), ("it has in addition", other - code)):
        listed = [f"{app}.{name}" for app, name in sorted(names)]
        if listed:
            more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
            parts.append(f"{sense} {', '.join(listed[:SHOWN])}{more}")
    return "; ".join(parts)
