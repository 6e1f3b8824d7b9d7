"""The floor: the same writes as one arrival in plain SQL by pgbench, without Python or HTTP.

The statements are those of an arrival of a new lead. PostgreSQL only.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

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
    """pgbench could not be run."""


def program(stage: Stage) -> str | None:
    """Return the path of pgbench, of the running server or of the machine; None without one."""
    if stage.postgres is None:
        return None
    own = stage.postgres.bin_dir / "pgbench"
    return str(own) if own.exists() else shutil.which("pgbench")


def measure(stage: Stage, *, connections: int, seconds: float) -> float:
    """Return the transactions a second. Raises FloorError."""
    found = program(stage)
    if found is None or stage.postgres is None:
        raise FloorError("pgbench is not here")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(SCRIPT)
        script.flush()
        command = [found, "--no-vacuum", "--protocol=prepared", f"--client={connections}"]
        command += ["--jobs=1", f"--time={round(seconds)}", f"--file={Path(script.name)}"]
        for name in ("first_operator", "last_operator", "source"):
            command.append(f"--define={name}={stage.world[name]}")
        done = subprocess.run(
            [*command, stage.postgres.url], capture_output=True, text=True, timeout=seconds + 60
        )
    told = re.search(r"tps = ([0-9.]+)", done.stdout)
    if done.returncode or told is None:
        raise FloorError(done.stderr[-500:])
    return float(told[1])
