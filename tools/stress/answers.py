"""The files that the clients keep every answer in, a line of JSON each."""

import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tools.stress.calls import Outcome

Record = dict[str, Any]

POSTS = frozenset({"post", "equal", "race"})
MOVES = frozenset({"close", "requeue", "reassign", "reopen"})
CHANGES = frozenset({"switch_off", "switch_on", "limit", "weight", "source"})


class Answers:
    """A file that answers are appended to, each written out before the next step."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = path.open("a", buffering=1)

    def keep(self, kind: str, name: str, outcome: Outcome, **members: Any) -> None:
        """Append one answer; `name` is the Idempotency-Key, where there is one."""
        record = {
            "kind": kind,
            "name": name,
            "status": outcome.status,
            "code": outcome.code,
            "replayed": outcome.replayed,
            "ms": outcome.milliseconds,
            "tally": outcome.tally,
        }
        line = json.dumps(record | members) + "\n"
        with self._lock:
            self._file.write(line)


def read_answers(paths: Iterable[Path]) -> Iterator[Record]:
    """Return all answers kept in those of the files that exist."""
    for path in paths:
        if path.exists():
            with path.open() as lines:
                yield from map(json.loads, lines)


class Posted:
    """Counts the contacts posted, in files that grow."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._offsets = dict.fromkeys(paths, 0)
        self._count = 0

    def count(self) -> int:
        """Return how many posts have been answered, or given up."""
        for path, offset in self._offsets.items():
            if path.exists():
                with path.open("rb") as file:
                    file.seek(offset)
                    new = file.read()
                whole = new[: new.rfind(b"\n") + 1]
                self._offsets[path] += len(whole)
                self._count += whole.count(b'{"kind": "post"')
        return self._count
