"""Examples made from our own OpenAPI document, sent to a running application by schemathesis.

All its phases (the document's examples, the edges of each value, random values, chains of calls)
with all its checks; the answers are counted here, and none of them may be a 5xx, a redirect, or an
error in another format than ours.
"""

import json
import math
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.stress.children import Children, ProcessFailed, TimeIsUp
from tools.stress.servers import ROOT, Database, environment, running_gunicorn

PHASES = "examples,coverage,fuzzing,stateful"
OPERATIONS = 28  # about as many as the document has: how many examples a round makes of each
SHOWN = 5  # examples of what is wrong
FAILED_CHECKS = 1  # schemathesis's exit status


@dataclass(slots=True)
class Fuzzed:
    """What was answered, by status; what was wrong, by kind, with some examples of each."""

    answers: Counter[int] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    examples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    afterwards: list[dict[str, Any]] = field(default_factory=list)

    def findings(self) -> list[dict[str, Any]]:
        """Return what was looked at and what was wrong, as the report shows it."""
        total = self.answers.total()
        kinds = {
            "5xx": "examples: no answer 5xx",
            "redirect": "examples: no redirects",
            "another format": "examples: every error in the one format",
        }
        rows = [self._finding(kind, name, total) for kind, name in kinds.items()]
        failures = sorted(self.wrong.keys() - kinds.keys())
        rows += [self._finding(kind, f"examples: {kind}", total) for kind in failures]
        if not failures:
            rows.append(self._finding("", "examples: all checks of schemathesis", total))
        return [*rows, *self.afterwards]

    def _finding(self, kind: str, check: str, total: int) -> dict[str, Any]:
        found = {"violations": self.wrong[kind], "examples": self.examples[kind]}
        return {"check": check, "count": total, **found}

    def by_class(self) -> dict[str, int]:
        """Return how many answers there were of each class of status, such as 2xx."""
        classes: Counter[str] = Counter()
        for status, count in self.answers.items():
            classes[f"{status // 100}xx"] += count
        return dict(sorted(classes.items()))


def fuzz_application(
    database: Database,
    folder: Path,
    *,
    examples: int,
    seed: int,
    workers: int,
    minutes: float,
    phases: str = PHASES,
) -> Fuzzed:
    """Run the application on an empty database, send it examples, and look at what is stored then.

    Raises StartError, TimeIsUp, ProcessFailed.
    """
    env = environment(database.url, folder)
    children = Children(env, minutes=minutes)
    with children.start("prepare") as process:
        token = json.loads(children.output_of(process))["change"]
    with running_gunicorn(workers, env, folder / "gunicorn.log") as gunicorn:
        fuzzed = fuzz(
            gunicorn.port, token, folder, children, examples=examples, seed=seed, phases=phases
        )
    with children.start("inspector", "examples", job='{"ceilings": {}}') as inspector:
        fuzzed.afterwards = json.loads(children.output_of(inspector))
    return fuzzed


def fuzz(
    port: int,
    token: str,
    folder: Path,
    children: Children,
    *,
    examples: int,
    seed: int,
    phases: str = PHASES,
) -> Fuzzed:
    """Send so many examples at least, and return what was answered.

    Raises TimeIsUp, or ProcessFailed when schemathesis itself does not work.
    """
    kept = folder / "fuzz.jsonl"
    fuzzed = Fuzzed()
    while fuzzed.answers.total() < examples:
        missing = examples - fuzzed.answers.total()
        count = math.ceil(missing / OPERATIONS)
        command = _command(port, token, phases, per_operation=count, seed=seed)
        before = fuzzed.answers.total()
        _run(command, folder, kept, seconds=children.left())
        fuzzed = read(kept)
        if fuzzed.answers.total() == before:
            raise ProcessFailed(f"schemathesis sends nothing; see {folder / 'fuzz.log'}")
        seed += 1
    return fuzzed


def _command(port: int, token: str, phases: str, *, per_operation: int, seed: int) -> list[str]:
    return [
        *(sys.executable, "-m", "schemathesis.cli", "run"),
        f"http://127.0.0.1:{port}/api/v1/openapi.json",
        *("--header", f"Authorization: Bearer {token}"),
        *("--checks", "all", "--phases", phases, "--continue-on-failure", "--no-shrink"),
        *("--max-examples", str(per_operation), "--seed", str(seed)),
        *("--generation-database", "none", "--no-color", "--wait-for-schema", "30"),
    ]


def _run(command: list[str], folder: Path, kept: Path, *, seconds: float) -> None:
    own = {
        "SCHEMATHESIS_HOOKS": "tools.stress.fuzz_hooks",
        "FUZZ_ANSWERS": str(kept),
        "PYTHONPATH": str(ROOT),
    }
    with (folder / "fuzz.log").open("ab") as output:
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=os.environ | own,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TimeIsUp from None
    if done.returncode not in (0, FAILED_CHECKS):
        raise ProcessFailed(f"schemathesis ended with {done.returncode}")


def read(kept: Path) -> Fuzzed:
    """Return what is in the file that `fuzz_hooks` writes."""
    fuzzed = Fuzzed()
    for record in _records(kept):
        if "answer" in record:
            fuzzed.answers[record["answer"]] += 1
        kind = record.get("failure") or record["wrong"]
        if kind:
            fuzzed.wrong[kind] += 1
            if len(fuzzed.examples[kind]) < SHOWN:
                fuzzed.examples[kind].append(record["example"])
    return fuzzed


def _records(kept: Path) -> Iterator[dict[str, Any]]:
    if kept.exists():
        with kept.open() as lines:
            yield from map(json.loads, lines)
