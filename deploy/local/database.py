"""PostgreSQL with the role of deploy/postgres/role.sql, and PgBouncer in front of it."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from deploy.local.processes import (
    Part,
    StartError,
    accepts,
    account_options,
    free_port,
    give_away,
    plain_environment,
    write_changed,
)
from deploy.local.programs import Programs
from tools.with_postgres import Server

DEPLOY = Path(__file__).resolve().parent.parent
NAME = "minicrm"  # of the database and of its role, as in role.sql


class Postgres:
    """A PostgreSQL cluster in a folder of its own."""

    def __init__(self, folder: Path, programs: Programs) -> None:
        folder.mkdir(mode=0o700)
        give_away(folder)
        self.password = secrets.token_urlsafe(24)
        self._programs = programs
        self._server = Server(programs.postgres_dir, folder / "data", folder, free_port())

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return self._server.port

    @property
    def url(self) -> str:
        """The direct address, for migrations, backups and checks."""
        return f"postgres://{NAME}:{self.password}@127.0.0.1:{self.port}/{NAME}"

    def create(self) -> None:
        """Create the cluster, start it, and make role and database by the file that is shipped."""
        data = self._server.data_dir
        options = ["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth-local=trust"]
        self._run("initdb", "-D", data, *options, "--auth-host=scram-sha-256")
        self.start()
        sql = (DEPLOY / "postgres" / "role.sql").read_text()
        self.psql(sql, "postgres")

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        self._server.start()

    def stop(self, *, crash: bool = False) -> None:
        """End it; by a crash nothing is saved, as with `pg_ctl stop -m immediate`."""
        self._server.stop(signal.SIGQUIT if crash else signal.SIGINT)

    def psql(self, sql: str, database: str = NAME) -> str:
        """Run statements as a superuser and return what they print."""
        address = ["-h", str(self._server.run_dir), "-p", str(self.port), "-U", "postgres"]
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database]
        return self._run("psql", *address, *options, text=sql)

    def _run(self, program: str, *arguments: str | Path, text: str = "") -> str:
        result: subprocess.CompletedProcess[str] = subprocess.run(
            [self._programs.postgres_dir / program, *arguments],
            input=text,
            text=True,
            capture_output=True,
            cwd=self._server.run_dir,
            env=plain_environment(LC_ALL="C.UTF-8", DB_PASSWORD=self.password),
            **account_options(),
        )
        if result.returncode:
            raise StartError(f"{program} failed:\n{result.stderr.strip()}")
        return result.stdout.strip()


class Pooler:
    """PgBouncer with the configuration and the start script that are shipped."""

    def __init__(self, folder: Path, programs: Programs, postgres: Postgres) -> None:
        folder.mkdir(mode=0o700)
        give_away(folder)
        self.port = free_port()
        self.url = f"postgres://{NAME}:{postgres.password}@127.0.0.1:{self.port}/{NAME}"
        accounts, script = folder / "userlist.txt", folder / "start.sh"
        own = folder / "pgbouncer.ini"
        write_changed(
            DEPLOY / "pgbouncer" / "pgbouncer.ini",
            own,
            {
                "host=postgres port=5432": f"host=127.0.0.1 port={postgres.port}",
                "listen_addr = 0.0.0.0": "listen_addr = 127.0.0.1",
                "listen_port = 6432": f"listen_port = {self.port}",
                "/run/pgbouncer/userlist.txt": str(accounts),
            },
        )
        shutil.copy(DEPLOY / "pgbouncer" / "start.sh", script)
        give_away(own)
        give_away(script)
        env = plain_environment(DB_PASSWORD=postgres.password, ACCOUNTS_FILE=str(accounts))
        command: list[str | Path] = ["sh", script, programs.pgbouncer, own]
        self.part = Part("pgbouncer", command, folder / "log", env, folder)

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        self.part.launch()
        self.part.wait(until=lambda: accepts(self.port))

    def stop(self) -> None:
        """End it as `docker stop` does: what runs is finished."""
        self.part.stop(signal.SIGINT)


@contextlib.contextmanager
def running_database(folder: Path, programs: Programs) -> Iterator[tuple[Postgres, Pooler]]:
    """Run both until the end of the block."""
    postgres = Postgres(folder / "postgres", programs)
    try:
        postgres.create()
        pooler = Pooler(folder / "pgbouncer", programs, postgres)
        try:
            pooler.start()
            yield postgres, pooler
        finally:
            pooler.stop()
    finally:
        postgres.stop(crash=True)  # the folder is thrown away
