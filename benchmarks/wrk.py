"""The load by Debian's `wrk`, which takes the least from the cores it shares with the server."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from benchmarks.load import LONGEST_ANSWER_S, Load, LoadError, Order

SCRIPT = Path(__file__).with_name("load.lua")
MARK = "result:"


def available() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


def run(order: Order) -> Load:
    """Ask over and over for some whole seconds, at least one. Raises LoadError."""
    seconds = max(round(order.seconds), 1)
    command = ["wrk", "-t1", f"-c{order.connections}", f"-d{seconds}s"]
    command += [f"--timeout={LONGEST_ANSWER_S}s", f"--script={SCRIPT}"]
    command += [f"http://127.0.0.1:{order.port}{order.path}", "--", order.method]
    command += [json.dumps(dict(order.plan))]
    command += [f"{name}: {value}" for name, value in order.headers.items()]
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
