"""When a run is void: what the servers wrote, what is stored, what the promises say."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from benchmarks import floor, server_logs, stage
from benchmarks.running import AS_DEPLOYED, NO_BRAKES, by_socket
from benchmarks.stage import Books, Shape, Stage, WorldError
from benchmarks.watched_sqlite import LOCKED
from tools.stress.servers import ROOT, environment
from tools.with_postgres import Server

pytestmark = pytest.mark.any_database

GOOD = {"contacts": 1_100, "leads": 1_050, "waiting": 0}


@pytest.fixture
def make_stage(tmp_path, monkeypatch):
    def make(*, counts=GOOD, log="", books=None, broken=None):
        counts = counts | {"broken": broken or {}}
        (tmp_path / "gunicorn-1.log").write_text(log)
        monkeypatch.setattr(stage, "module_output", lambda *arguments: json.dumps(counts))
        world = {"contacts": 1_000}
        return Stage(None, None, world, {}, tmp_path, Shape(), books or Books(100, 16))

    return make


def test_a_good_run_tells_its_counts(make_stage):
    counts = make_stage().verify()
    assert counts == GOOD | {"lock_waits": 0, "errors": 0, "cut_off": 16, "stored_of_these": 0}


@pytest.mark.parametrize("stored", [1_099, 1_117])
def test_contacts_lost_or_doubled_make_a_run_void(make_stage, stored):
    with pytest.raises(WorldError, match=f"but {stored - 1_000} contacts stored"):
        make_stage(counts=GOOD | {"contacts": stored}).verify()


def test_requests_cut_off_at_the_end_may_be_stored_or_not(make_stage):
    assert make_stage(counts=GOOD | {"contacts": 1_116}).verify()["contacts"] == 1_116


def test_broken_promises_make_a_run_void(make_stage):
    with pytest.raises(WorldError, match="promises broken"):
        make_stage(broken={"never over the limit": "1 times: operator 7"}).verify()


@pytest.mark.parametrize(
    "line",
    [
        "[2026-01-01] [CRITICAL] WORKER TIMEOUT (pid:7)",
        "ERROR django.request Internal Server Error: /api/v1/contacts/",
        "Traceback (most recent call last):",
    ],
)
def test_what_gunicorn_reports_makes_a_run_void(make_stage, line):
    with pytest.raises(WorldError, match="the servers report"):
        make_stage(log=f"fine\n{line}\n").verify()


def test_what_is_stored_is_held_in_memory(tmp_path):
    data = tmp_path / "data" / "base" / "5"
    data.mkdir(parents=True)
    (data / "1259").write_bytes(b"x" * 300)
    (tmp_path / "bench.sqlite3").write_bytes(b"x" * 20)
    server = Server(tmp_path, tmp_path / "data", tmp_path, 1)
    of_sqlite = Stage(None, None, {}, {}, tmp_path, Shape())
    assert of_sqlite.hold_in_memory() == 20
    assert replace(of_sqlite, postgres=server).hold_in_memory() == 300


LOCKED_FOR_A_WHILE = """
import sqlite3, sys
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from minicrm.transactions import retried
name = connection.settings_dict["NAME"]
connection.settings_dict["OPTIONS"]["timeout"] = 0.01
call_command("migrate", "auth", verbosity=0)
other = sqlite3.connect(name, isolation_level=None)
times = []

@retried
def look():
    return "done"

def begin(execute, sql, *rest):
    if sql.startswith("BEGIN"):
        times.append(sql)
        if len(times) == 3:
            other.execute("ROLLBACK")
    return execute(sql, *rest)

other.execute("BEGIN IMMEDIATE")
with connection.execute_wrapper(begin):
    print(look(), len(times))
"""


def test_a_locked_database_is_noted_though_the_application_tries_again(make_stage, tmp_path):
    env = environment(f"sqlite:///{tmp_path / 'x.sqlite3'}", tmp_path, **NO_BRAKES)
    command = [sys.executable, "-c", LOCKED_FOR_A_WHILE]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.stdout == "done 3\n", done.stderr
    noted = server_logs.noted_by_sqlite(tmp_path / LOCKED)
    assert [line.partition(": ")[2] for line in noted.void] == ["database is locked"] * 2
    with pytest.raises(WorldError, match=r"2 times in all: .*database is locked"):
        make_stage().verify()


@pytest.mark.parametrize(
    "line",
    [
        "ERROR:  deadlock detected",
        "ERROR:  canceling statement due to lock timeout",
        "ERROR:  canceling statement due to statement timeout",
        "ERROR:  could not serialize access due to concurrent update",
        "FATAL:  sorry, too many clients already",
        "PANIC:  could not write to file",
    ],
)
def test_what_postgres_must_not_report(line):
    noted = server_logs.noted_by_postgres(f"LOG:  checkpoint complete\n{line}\n")
    assert noted.void == (line,)
    assert noted.errors == 0


def test_long_waits_and_other_errors_are_counted():
    noted = server_logs.noted_by_postgres(
        "LOG:  process 7 still waiting for ShareLock on transaction 9 after 1000.1 ms\n"
        "LOG:  process 7 acquired ShareLock on transaction 9 after 1200.0 ms\n"
        "ERROR:  duplicate key value violates unique constraint\n"
    )
    assert (noted.void, noted.waits, noted.errors) == ((), 1, 1)


def test_pgbench_tells_how_many_and_how_fast():
    text = "number of transactions actually processed: 812\nnumber of failed transactions: 0 (0%)\n"
    assert floor.told(f"{text}tps = 203.25 (without initial connection time)\n") == (812, 203.25)
    with pytest.raises(floor.FloorError):
        floor.told(text.replace(": 0 (", ": 3 (") + "tps = 203.25\n")
    with pytest.raises(floor.FloorError):
        floor.told("")


def test_a_database_is_reached_by_its_socket(tmp_path):
    import dj_database_url

    server = Server(tmp_path, tmp_path, tmp_path / "run", 5433)
    parsed = dj_database_url.parse(by_socket("postgres://minicrm@127.0.0.1:5433/minicrm_0", server))
    assert (parsed["HOST"], parsed["PORT"]) == (str(tmp_path / "run"), 5433)
    assert (parsed["USER"], parsed["NAME"]) == ("minicrm", "minicrm_0")


def test_postgresql_is_set_as_where_it_is_deployed():
    lines = (ROOT / "compose.yaml").read_text().splitlines()
    command = next(line for line in lines if "shared_buffers" in line)
    for setting in AS_DEPLOYED:
        assert setting in command
