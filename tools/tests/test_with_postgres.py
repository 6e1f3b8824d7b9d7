"""The wrapper that starts PostgreSQL, used as `make test` uses it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.any_database]

WRAPPER = Path(__file__).resolve().parent.parent / "with_postgres.py"
VERSION = """
import os, psycopg
print(os.environ["DATABASE_URL"])
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    print(connection.info.server_version)
"""
CONNECT = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL'], connect_timeout=5)"


def run(*command, options=("--fast",)):
    return subprocess.run(
        [sys.executable, WRAPPER, *options, "--", *command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def answers(url):
    env = os.environ | {"DATABASE_URL": url}
    command = [sys.executable, "-c", CONNECT]
    return subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0


def test_the_command_finds_a_server_that_is_gone_afterwards():
    done = run(sys.executable, "-c", VERSION)
    assert done.returncode == 0, done.stderr
    url, version = done.stdout.split()
    assert int(version) >= 150_000
    assert not answers(url)


def test_the_commands_exit_code_is_passed_on():
    assert run(sys.executable, "-c", "raise SystemExit(7)").returncode == 7


def test_a_missing_server_is_told_and_fails(monkeypatch, tmp_path):
    monkeypatch.setenv("POSTGRES_BIN", str(tmp_path))
    done = run("true")
    assert done.returncode != 0
    assert "POSTGRES_BIN" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_signal_ends_the_command_and_the_server():
    waits = "import os, sys, time; print(os.environ['DATABASE_URL'], flush=True); time.sleep(60)"
    command = [sys.executable, WRAPPER, "--fast", "--", sys.executable, "-c", waits]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert url.startswith("postgres")
    assert not answers(url)
