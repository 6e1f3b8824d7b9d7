"""`python -m benchmarks`, as `make bench` starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minicrm.tests.processes import processes_with
from tools.stress.servers import ROOT

pytestmark = pytest.mark.any_database

COMMAND = [sys.executable, "-m", "benchmarks"]


def run(*arguments):
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [["--env", "X"], ["--only", "nothing"], ["--rounds", "x"]])
def test_bad_arguments_are_refused(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert f"argument {arguments[0]}" in done.stderr


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at /proc")
def test_leaves_nothing_behind_when_it_is_stopped(tmp_path):
    arguments = ["--quick", "--only", "memory", "--database", "sqlite", "--generator", "own"]
    with subprocess.Popen(
        [*COMMAND, *arguments, "--output", str(tmp_path / "results")], cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        theirs = f"DATA_DIR={tmp_path}"
        wait_until(lambda: len(processes_with(theirs)) >= 3)  # gunicorn and its workers
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert told == "\nbench: stopping\n"
    assert processes_with(theirs) == []
    assert list(tmp_path.iterdir()) == []


def wait_until(condition):
    give_up_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.thorough
def test_measures_all_parts_on_sqlite(tmp_path):
    parts = ["arrivals", "growth", "queue", "import", "memory", "profile", "settings"]
    done = run(
        "--quick", "--database", "sqlite", "--generator", "own", "--rounds", "1",
        "--seconds", "0.3", "--output", str(tmp_path), "--only", *parts,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "sqlite.json").read_text())["parts"]
    assert list(written) == parts
    assert not any("void" in part for part in written.values())
    for part in ("arrivals", "queue", "import", "settings"):
        assert all(row["samples"][0]["done"] for row in written[part]["samples"])
    assert all(row["samples"][0]["done"] for row in written["growth"]["polls"])
    assert written["profile"]["statements"]
    assert all(part["counts"] for part in written.values())
    told = (tmp_path / "sqlite.md").read_text()
    for text in (
        "| new leads to bare view, CPU |",
        "| new leads to bare view, rate |",
        "| not judged |",
        "| overview, poll unchanged |",
        "| leads, nobody |",
        "| 4 workers, 4 threads |",
    ):
        assert text in told
