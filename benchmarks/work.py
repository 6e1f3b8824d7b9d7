"""Work that has no requests of its own: an import, and a long queue freed place by place.

Its own process: `python -m benchmarks.work import|queue`; the job comes as JSON on standard input,
what was measured goes to standard output.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import django


def main() -> None:
    """Do what the argument says."""
    django.setup()
    job = json.load(sys.stdin)
    done = _import(**job) if sys.argv[1] == "import" else _queue(**job)
    json.dump(done, sys.stdout)


def _import(*, rows: int, source: int) -> dict[str, Any]:
    """Import so many rows of new leads; return the seconds and the CPU seconds of this process."""
    from django.core.management import call_command

    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="", delete=False) as file:
        writer = csv.writer(file)
        writer.writerow(["external_id", "name", "message"])
        writer.writerows([f"import-{n}", "Bench", "Please call back."] for n in range(rows))
    path = Path(file.name)
    begun, cpu = time.perf_counter(), _cpu()
    with contextlib.redirect_stdout(io.StringIO()):
        call_command("import_contacts", str(path), source=str(source), verbosity=0)
    seconds = time.perf_counter() - begun
    path.unlink()
    return {"rows": rows, "seconds": seconds, "cpu": _cpu() - cpu}


def _queue(*, source: int, closes: int) -> dict[str, Any]:
    """Close one contact after the other beside a long queue; return the milliseconds of each."""
    from distribution.models import Operator, OperatorSourceWeight
    from distribution.services import update_operator
    from leads.models import Contact
    from leads.services import close_contact

    operator = Operator.objects.create(name="Bench closer", max_load=0)
    OperatorSourceWeight.objects.create(operator=operator, source_id=source, weight=1)
    update_operator(operator.pk, max_load=1, actor="bench")
    taken = []
    for _ in range(closes):
        contact = Contact.objects.assigned().get(operator=operator)
        begun = time.perf_counter()
        close_contact(contact.pk, actor="bench")
        taken.append((time.perf_counter() - begun) * 1e3)
    return {"waiting": Contact.objects.waiting().count(), "ms": taken}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
