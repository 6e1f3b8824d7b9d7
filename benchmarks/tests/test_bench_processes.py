"""What /proc tells of processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.processes import usage_of

pytestmark = [
    pytest.mark.any_database,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc"),
]

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
PARENT = f"""
import subprocess, sys
line = sys.stdin.readline()
while line:
    if line == "here\\n":
        exec({BURN!r})
    else:
        subprocess.run([sys.executable, "-c", {BURN!r}])
    print("done", flush=True)
    line = sys.stdin.readline()
"""


@pytest.fixture
def parent():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


def burn(process, where):
    process.stdin.write(f"{where}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def test_counts_what_a_process_uses_itself(parent):
    before = usage_of(parent.pid).seconds
    burn(parent, "here")
    assert 0.25 <= usage_of(parent.pid).seconds - before < 3


def test_counts_what_a_child_used_that_has_ended(parent):
    before = usage_of(parent.pid).seconds
    burn(parent, "child")
    assert 0.25 <= usage_of(parent.pid).seconds - before < 3


def test_counts_children_that_still_run(parent):
    alone = usage_of(parent.pid)
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {PARENT!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        burn(process, "here")
        family = usage_of(process.pid)
        process.stdin.close()
    assert family.seconds >= 0.25
    assert family.resident > 1.5 * alone.resident
    assert 0 < family.private < family.resident


def test_a_process_that_is_gone_has_used_nothing():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    assert usage_of(process.pid).seconds == 0
