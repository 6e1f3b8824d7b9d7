"""The processes of a run that are modules of ours: started with a job, watched, and ended."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tools.stress.servers import ROOT, stop, uninterrupted

END_SECONDS = 5


class TimeIsUp(Exception):
    """The run takes longer than it may."""


class ProcessFailed(Exception):
    """A process of the run ended with an error; the message says which."""


class Children:
    """Starts modules of this package in this environment, and waits until `give_up_at` at most."""

    def __init__(self, env: Mapping[str, str], *, minutes: float) -> None:
        self._env = env
        self._give_up_at = time.monotonic() + minutes * 60

    def left(self) -> float:
        """Return the seconds that are left. Raises TimeIsUp when none are."""
        seconds = self._give_up_at - time.monotonic()
        if seconds <= 0:
            raise TimeIsUp
        return seconds

    @contextlib.contextmanager
    def start(
        self, module: str, *arguments: str, job: str = ""
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a module with its job on standard input, and stop it in the end if it still runs.

        In a session of its own: Ctrl-C is for the run alone, which ends everything in its order.
        """
        command = [sys.executable, "-m", f"tools.stress.{module}", *arguments]
        process = None
        try:
            with uninterrupted():
                process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=self._env,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    start_new_session=True,
                )
            if process.stdin is not None:
                with process.stdin as stdin:
                    stdin.write(job.encode())
                process.stdin = None  # closed: communicate() shall not touch it
            yield process
        finally:
            if process is not None:
                stop(process, seconds=END_SECONDS)
                if process.stdout is not None:
                    process.stdout.close()

    def output_of(self, process: subprocess.Popen[bytes]) -> bytes:
        """Wait for the end of a process; return what it wrote. Raises TimeIsUp, ProcessFailed."""
        try:
            output, _ = process.communicate(timeout=self.left())
        except subprocess.TimeoutExpired:
            raise TimeIsUp from None
        check(process)
        return output


def check(process: subprocess.Popen[bytes]) -> None:
    """Raise ProcessFailed if a process that has ended says that it failed."""
    if process.returncode:
        raise ProcessFailed(f"{process.args!r} ended with {process.returncode}")


def read_job() -> dict[str, Any]:
    """Return the job on standard input; end the process if the run was stopped before it came."""
    text = sys.stdin.read()
    if not text:
        raise SystemExit(1)
    job: dict[str, Any] = json.loads(text)
    return job
