"""The load: Debian's `wrk`, which costs the two cores it shares with the server the least."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("load.lua")
MARK = "result:"
LONGEST_ANSWER_S = 30


class LoadError(Exception):
    """The load cannot be made, or its answers were not what they should be."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a run; milliseconds at which 50, 95 and 99 of 100 were answered."""

    requests: int
    seconds: float
    refused: int  # answers of 400 and above
    broken: int  # no answer at all
    p50: float
    p95: float
    p99: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def available() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


def run(
    url: str,
    *,
    connections: int,
    seconds: float,
    token: str = "",
    method: str = "GET",
    plan: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Load:
    """Ask over and over on so many connections for some seconds.

    `plan` tells load.lua what to post; it is passed in arguments. Raises LoadError.
    """
    sent = dict(headers or {})
    if token:
        sent["Authorization"] = f"Bearer {token}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s"]
    command += [f"--timeout={LONGEST_ANSWER_S}s", f"--script={SCRIPT}", url, "--", method]
    command += [json.dumps(plan or {}), *(f"{name}: {value}" for name, value in sent.items())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        raise LoadError(f"wrk failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    told = json.loads(lines[-1].removeprefix(MARK))
    return Load(
        requests=told["requests"],
        seconds=told["duration"] / 1e6,
        refused=told["status"],
        broken=told["connect"] + told["read"] + told["write"] + told["timeout"],
        p50=told["p50"] / 1e3,
        p95=told["p95"] / 1e3,
        p99=told["p99"] / 1e3,
    )
