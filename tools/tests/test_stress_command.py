"""`python -m tools.stress`, as `make stress` starts it."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from minicrm.tests.processes import processes_with
from tools.stress import __main__ as command
from tools.stress.children import Children

pytestmark = [pytest.mark.slow, pytest.mark.any_database]

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND = [sys.executable, "-m", "tools.stress", "--database", "sqlite"]


def start(*arguments, **env):
    return subprocess.Popen(
        [*COMMAND, *arguments], cwd=ROOT, env=os.environ | env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at /proc")
def test_ctrl_c_ends_everything_and_leaves_nothing(tmp_path):
    with start("--contacts", "100000", TMPDIR=str(tmp_path)) as process:
        for line in process.stdout:
            if "contacts by" in line:
                break
        folder = next(tmp_path.iterdir())
        assert len(processes_with(f"DATA_DIR={folder}")) >= 3  # gunicorn and its workers
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopping" in output
    assert "Traceback" not in output
    assert processes_with(f"DATA_DIR={folder}") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGINT]])
def test_a_process_that_has_just_started_is_ended_too(monkeypatch, signals):
    started, popen = [], subprocess.Popen

    def start_and_interrupt(*args, **kwargs):
        started.append(popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        for number in signals:
            signal.raise_signal(number)
        return started[0]

    def interrupted(number, frame):
        raise SystemExit(128 + number)

    handlers = {number: signal.signal(number, interrupted) for number in signals}
    monkeypatch.setattr(subprocess, "Popen", start_and_interrupt)
    try:
        ended = pytest.raises(SystemExit, match=str(128 + signals[0]))
        with ended, Children({}, minutes=1).start("clients"):
            pass
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert started[0].poll() is not None


def test_a_run_out_of_time_fails_says_so_and_keeps_what_there_is(monkeypatch, capsys, tmp_path):
    def too_slow(name, options, folder):
        Children({}, minutes=0).left()

    monkeypatch.setattr(command, "_result", too_slow)
    monkeypatch.setattr(sys, "argv", ["stress", "--database", "sqlite", "--minutes", "0.5"])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert command.main() == 3
    printed = capsys.readouterr()
    assert "not finished after 0.5 minutes" in printed.err
    assert f"kept in {next(tmp_path.iterdir())}" in printed.out


@pytest.mark.parametrize("arguments", [["--contacts", "0"], ["--kills", "-1"], ["--seed", "x"]])
def test_bad_arguments_are_refused(arguments):
    with start(*arguments) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"argument {arguments[0]}" in output
