"""The manifest: what an archive holds, by which it is checked before anything is restored."""

import dataclasses
import json
from typing import Any


class ArchiveError(Exception):
    """The file is damaged, not whole, or no backup of ours; the message says what is wrong."""


@dataclasses.dataclass(frozen=True, slots=True)
class TableFacts:
    """What the manifest says of a table; `last_id` is the highest number that it ever gave.

    Numbers of rows that were deleted since are not given again after a restore either: the history
    tells of them. None for a table whose keys do not count up.
    """

    rows: int
    sha256: str
    last_id: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself: the state of the database at `created_at` (ISO 8601, UTC)."""

    version: str
    created_at: str
    database: str
    migrations: list[tuple[str, str]]
    tables: dict[str, TableFacts]

    @property
    def rows(self) -> int:
        """Rows in all tables."""
        return sum(table.rows for table in self.tables.values())

    def as_json(self) -> bytes:
        """Return the manifest as it stands in the archive."""
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Manifest":
        """Read a manifest; raise ArchiveError for one that is not as we write them."""
        try:
            return cls._checked(json.loads(data))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ArchiveError("its manifest is damaged.") from error

    @classmethod
    def _checked(cls, given: dict[str, Any]) -> "Manifest":
        tables = {name: TableFacts(**facts) for name, facts in given["tables"].items()}
        migrations = [(str(app), str(name)) for app, name in given["migrations"]]
        return cls(
            version=str(given["version"]),
            created_at=str(given["created_at"]),
            database=str(given["database"]),
            migrations=migrations,
            tables=tables,
        )
