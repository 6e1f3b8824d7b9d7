"""Work that has no requests of its own: an import, and a long queue freed place by place.

Its own process: `python -m benchmarks.work import|queue`; the job comes as JSON on standard input,
what was measured goes to standard output.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import django

COLUMNS = ["external_id", "name", "message"]


def main() -> None:
    """Do what the argument says."""
    django.setup()
    job = json.load(sys.stdin)
    done = _import(**job) if sys.argv[1] == "import" else _queue(**job)
    json.dump(done, sys.stdout)


def _import(*, rows: int, source: int, salt: str) -> dict[str, Any]:
    """Import so many rows of new leads; return the seconds and the CPU seconds of this process."""
    from django.core.management import call_command

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{salt}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows([f"{salt}-{n}", "Bench", "Please call back."] for n in range(rows))
        begun, cpu = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            columns = {name: name for name in COLUMNS}
            call_command("import_contacts", path, source=str(source), verbosity=0, **columns)
        return {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}


def _queue(*, closes: int) -> dict[str, Any]:
    """Close one contact after the other beside a queue; return the milliseconds of each."""
    from benchmarks.world import CLOSER
    from distribution.models import Operator
    from distribution.services import update_operator
    from leads.models import Contact
    from leads.services import close_contact

    operator = Operator.objects.get(name=CLOSER)
    update_operator(operator.pk, max_load=1, actor="bench")
    taken = []
    cpu = 0.0
    for _ in range(closes):
        contact = Contact.objects.assigned().get(operator=operator)
        begun, used = time.perf_counter(), time.process_time()
        close_contact(contact.pk, actor="bench")
        cpu += time.process_time() - used
        taken.append((time.perf_counter() - begun) * 1e3)
    return {"ms": taken, "cpu": cpu}


if __name__ == "__main__":
    main()
