"""Backups: the whole database as one file that SQLite and PostgreSQL both write and read.

Works on what Django knows of the models and imports none of them. docs/backup.md is for those who
run it.
"""

from minicrm.backups.archive import check_archive
from minicrm.backups.committing import OutcomeUnknown
from minicrm.backups.compatibility import Refused
from minicrm.backups.manifest import ArchiveError, Manifest
from minicrm.backups.restoring import restore_archive
from minicrm.backups.writing import write_backup

__all__ = [
    "ArchiveError",
    "Manifest",
    "OutcomeUnknown",
    "Refused",
    "check_archive",
    "restore_archive",
    "write_backup",
]
