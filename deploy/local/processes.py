"""Processes that the topology starts, and ends by their ids."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Neither nginx nor PgBouncer nor PostgreSQL is run as root.
ACCOUNT = "nobody" if os.geteuid() == 0 else None
START_SECONDS = 60
STOP_SECONDS = 40  # above gunicorn's own time for the requests under way
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


class StartError(Exception):
    """Something of the topology does not start; the message says what."""


@dataclass
class Part:
    """One program of the topology: its command, and its process while it runs."""

    name: str
    command: Sequence[str | Path]
    log: Path
    env: Mapping[str, str]
    work_dir: Path
    unprivileged: bool = True
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The id of its first process, None when it is not running."""
        process = self.process
        return process.pid if process is not None and process.poll() is None else None

    def launch(self, *, keep: Sequence[int] = ()) -> None:
        """Start it, and do not wait; `keep` are file descriptors that it inherits."""
        with self.log.open("ab") as output:
            # A group of its own: Ctrl-C is for the topology, which ends the parts in their order.
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=self.work_dir,
                env=dict(self.env),
                pass_fds=keep,
                **(account_options() if self.unprivileged else {}),
            )

    def wait(self, *, until: Callable[[], bool]) -> None:
        """Wait until `until` says that it works, else stop it and raise StartError."""
        give_up_at = time.monotonic() + START_SECONDS
        while self.pid and time.monotonic() < give_up_at:
            if until():
                return
            time.sleep(0.05)
        self.stop()
        raise StartError(f"{self.name} does not start:\n{tail(self.log)}")

    def send(self, number: signal.Signals) -> None:
        """Send its first process a signal, if it runs."""
        if self.process is not None and self.pid:
            self.process.send_signal(number)

    def stop(self, first: signal.Signals = signal.SIGTERM) -> None:
        """End it, gently at first."""
        for number in (first, signal.SIGQUIT, signal.SIGKILL):
            if self.process is not None and self.pid:
                self.process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it and all that it has started at once, as when the machine loses its power."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(STOP_SECONDS)

    def children(self) -> list[int]:
        """Return the ids of the processes that it has started and that live."""
        if not self.pid:
            return []
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in listed.read_text().split()]


def stop_all(parts: Sequence[Part]) -> None:
    """Tell all of them to end, then wait for each."""
    for part in parts:
        part.send(signal.SIGTERM)
    for part in parts:
        part.stop()


def account_options() -> dict[str, Any]:
    """Return arguments for subprocess that give root's rights up; none when we are not root."""
    if ACCOUNT is None:
        return {}
    group = pwd.getpwnam(ACCOUNT).pw_gid
    return {"user": ACCOUNT, "group": group, "extra_groups": []}


def give_away(path: Path) -> None:
    """Give a file or folder to the account that the servers run as."""
    if ACCOUNT is not None:
        shutil.chown(path, ACCOUNT)


def write_changed(shipped: Path, here: Path, changes: Mapping[str, str]) -> None:
    """Write a file that is shipped so that it fits here; each change must have its place in it."""
    text = shipped.read_text()
    for old, new in changes.items():
        if old not in text:
            raise ValueError(f"{shipped.name} has no {old!r}")
        text = text.replace(old, new)
    here.write_text(text)


def plain_environment(**extra: str) -> dict[str, str]:
    """Return an environment in which nothing of the surroundings chooses a setting."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return kept | extra


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Whether somebody listens on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def tail(log: Path, lines: int = 15) -> str:
    """Return the end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
