"""The floor: the same writes as one arrival in plain SQL by pgbench, without Python or HTTP.

The statements are those of an arrival of a new lead. PostgreSQL only.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.rounds import Sample, Take
from benchmarks.stage import Stage

# What pgbench sends; :names are drawn by it.
SCRIPT = """\
\\set lead random(1, 1000000000000)
\\set operator random(:first_operator, :last_operator)
BEGIN;
INSERT INTO leads_lead (external_id, name, created_at)
  VALUES ('floor-' || :lead, 'Bench', now()) RETURNING id \\gset
UPDATE distribution_operator SET current_load = current_load + 1
  WHERE id = :operator AND is_active AND current_load < max_load;
INSERT INTO leads_contact
  (lead_id, source_id, operator_id, status, supplied, name, message, payload, created_at,
   assigned_at, version)
  VALUES (:id, :source, :operator, 'assigned', '{}', 'Bench', 'Please call back.', '{}', now(),
   now(), 1) RETURNING id AS contact \\gset
INSERT INTO leads_assignment
  (contact_id, operator_id, method, decision, started_at, ended_as, ended_by, end_reason)
  VALUES (:contact, :operator, 'weighted_random', '{}', now(), '', '', '');
COMMIT;
"""


class FloorError(Exception):
    """pgbench could not be run, or some of its transactions failed."""


def floor_of(stage: Stage, connections: int) -> Take | None:
    """Return what measures the floor; None where there is no PostgreSQL, or no pgbench."""
    if stage.postgres is None:
        return None
    own = stage.postgres.bin_dir / "pgbench"
    program = str(own) if own.exists() else shutil.which("pgbench")
    if program is None:
        return None
    return lambda seconds: _take(program, stage, connections, seconds)


def _take(program: str, stage: Stage, connections: int, seconds: float) -> Sample:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(SCRIPT)
        script.flush()
        command = [program, "--no-vacuum", "--protocol=prepared", f"--client={connections}"]
        command += ["--jobs=1", f"--time={max(round(seconds), 1)}", f"--file={Path(script.name)}"]
        for name in ("first_operator", "last_operator", "source"):
            command.append(f"--define={name}={stage.world[name]}")
        before = stage.used_by_database().seconds
        done = subprocess.run(
            [*command, stage.env["DATABASE_URL"]],
            capture_output=True,
            text=True,
            timeout=seconds + 60,
        )
        used = stage.used_by_database().seconds - before
    count, rate = told(done.stdout)
    if done.returncode or not count:
        raise FloorError(done.stderr[-500:])
    stage.books.posted += count
    return Sample(count, count / rate, used, database=used)


def told(text: str) -> tuple[int, float]:
    """Return how many transactions pgbench says it made, and how many a second. FloorError."""
    count = re.search(r"actually processed: ([0-9]+)", text)
    rate = re.search(r"tps = ([0-9.]+)", text)
    failed = re.search(r"failed transactions: ([0-9]+)", text)
    if count is None or rate is None or (failed and int(failed[1])):
        raise FloorError(text[-500:])
    return int(count[1]), float(rate[1])
