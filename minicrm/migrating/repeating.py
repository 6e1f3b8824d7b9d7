"""Which migrations may be run again after one of their steps has failed."""

from django.db.migrations import Migration

from minicrm.beside_traffic import AddCheckBesideTraffic, AddIndexBesideTraffic

# Each removes what it may have left behind, before it begins.
REPEATABLE = (AddCheckBesideTraffic, AddIndexBesideTraffic)


def is_repeatable(migration: Migration) -> bool:
    """Whether the migration has done nothing when it fails, or can do everything once more."""
    return bool(migration.atomic) or all(
        isinstance(operation, REPEATABLE) for operation in migration.operations
    )
