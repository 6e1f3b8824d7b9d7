"""What goes wrong on purpose goes wrong when it is planned, and a plan not carried out is told."""

import subprocess
import sys

import pytest

from tools.stress.killers import Killer
from tools.stress.plan import Size, disasters_of
from tools.stress.report import report, violations
from tools.stress.run import Result
from tools.stress.servers import Database, Gunicorn

pytestmark = pytest.mark.any_database

SIZE = Size(seed=1, contacts=100, clients=1, kills=2, restarts=2)
PARENT = """
import subprocess, sys
command = [sys.executable, "-c", "input()"]
children = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in "12"]
print(*(child.pid for child in children), flush=True)
print(*(child.wait() for child in children))
"""


@pytest.fixture
def parent():
    """A process with two children, as gunicorn has workers, and the children's ids."""
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process, list(map(int, process.stdout.readline().split()))


def test_strikes_when_the_work_has_come_so_far(parent):
    process, workers = parent
    crashes, said = [], []
    gunicorn, database = Gunicorn(0, process), Database("x", "", lambda: crashes.append(1))
    assert gunicorn.workers() == workers
    killer = Killer(SIZE, gunicorn, database, said.append)
    killer.strike(0.0)
    assert killer.done == {}
    for moment, what in disasters_of(SIZE):
        before = killer.done[what]
        killer.strike(moment - 0.001)
        assert killer.done[what] == before
        killer.strike(moment)
        assert killer.done[what] == before + 1
        if what == "kill":
            assert f"kill -9 of worker {workers.pop(0)} " in said[-1]  # the one that runs longest
    killer.strike(1.0)
    assert killer.done == {"kill": 2, "restart": 2}
    assert len(crashes) == 2
    assert process.stdout.readline().split() == ["-9", "-9"]


def test_waits_for_a_worker_that_it_can_kill():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as childless:
        killer = Killer(SIZE, Gunicorn(0, childless), Database("x", ""), print)
        killer.strike(1.0)
        assert killer.done == {}


def test_a_plan_not_carried_out_is_a_violation():
    nothing = {"findings": [], "facts": {}, "tally": {}, "missed": 0}
    nothing |= {"no_queue": 0, "longest_queue": 0}
    result = Result("x", SIZE, [], seconds=1.0, found=nothing, sampled=nothing)
    result.done = {"kill": 2, "restart": 1}
    assert violations(result) == 1
    assert "VIOLATION  crashes of PostgreSQL: 1 of 2 could not be done" in list(report(result))
