"""Run what production runs, as plain processes on this machine.

    python -m deploy.topology [--port N] [--demo] [--look] [-- COMMAND ...]

nginx, two gunicorn hosts, PgBouncer in transaction mode and PostgreSQL, from Debian's packages and
with the configuration under deploy/, in a temporary folder and on free ports. Runs until COMMAND
ends, or until Ctrl-C. COMMAND finds it by MINICRM_URL, MINICRM_API_KEY and the settings of the
application. Exit status 2: something is not installed, or does not start.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from deploy.local.processes import StartError
from deploy.local.programs import MissingPrograms, find_programs
from deploy.local.whole import Topology, running_topology
from tools.with_postgres import PostgresError, run_command

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def main() -> int:
    """Read the arguments, run everything, return the command's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.topology",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, help="of the proxy; default: a free one")
    parser.add_argument("--demo", action="store_true", help="fill it with made-up data")
    parser.add_argument("--look", action="store_true", help="only look for the programs")
    parser.add_argument("command", nargs="*", metavar="COMMAND")
    options = parser.parse_args()
    for number in SIGNALS:
        signal.signal(number, _interrupted)
    try:
        programs = find_programs()
        if options.look:
            return 0
        with running_topology(programs, port=options.port) as topology:
            if options.demo:
                topology.manage("seed_demo", "--if-empty", direct=True)
            print(_welcome(topology), flush=True)
            return _run(topology, options.command)
    except (MissingPrograms, PostgresError, StartError, OSError) as error:
        print(f"topology: {error}", file=sys.stderr)
        return 2


def _interrupted(number: int, _frame: FrameType | None) -> NoReturn:
    for other in SIGNALS:  # nothing may interrupt the cleaning up
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _welcome(topology: Topology) -> str:
    hosts = ", ".join(f"{host.name} 127.0.0.1:{host.port}" for host in topology.hosts)
    access = topology.access
    return (
        f"\n  Mini-CRM     {topology.proxy.url}/   (nginx)\n"
        f"  sign in      {access.username}, password: {access.password}\n"
        f"  API key      {access.api_key}\n"
        f"  gunicorn     {hosts}\n"
        f"  PgBouncer    127.0.0.1:{topology.pooler.port}\n"
        f"  PostgreSQL   127.0.0.1:{topology.postgres.port}\n"
        f"  logs, files  {topology.folder}   (thrown away at the end)\n"
    )


def _run(topology: Topology, command: list[str]) -> int:
    if not command:
        print("  Stop with Ctrl-C.\n", flush=True)
        signal.pause()
        return 0
    os.environ.update(topology.env)
    os.environ["MINICRM_URL"] = topology.proxy.url
    os.environ["MINICRM_API_KEY"] = topology.access.api_key
    return run_command(command, topology.pooler.url)


if __name__ == "__main__":
    sys.exit(main())
