"""nginx with the configuration that is shipped; only paths, ports and hosts are this machine's."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from deploy.local.processes import (
    Part,
    accepts,
    free_port,
    give_away,
    plain_environment,
    write_changed,
)
from deploy.local.programs import Programs

SHIPPED = Path(__file__).resolve().parent.parent / "nginx"
# Requests from this machine have no limit by address, those from its other address have.
UNLIMITED, LIMITED = "127.0.0.1", "127.0.0.2"


class Proxy:
    """A running nginx."""

    def __init__(
        self, folder: Path, programs: Programs, hosts: Iterable[int], *, port: int | None = None
    ) -> None:
        self.port = port or free_port()
        self.folder = folder
        self.access_log = folder / "access.log"
        command = write_configuration(folder, programs, hosts, self.port)
        log = folder / "error.log"
        self.part = Part("nginx", command, log, plain_environment(), folder)

    @property
    def url(self) -> str:
        """The address of it all."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        self.part.launch()
        self.part.wait(until=lambda: accepts(self.port))

    def logged(self, text: str, *, seconds: float = 5.0) -> list[str]:
        """Return the access log's lines with this text; a line is written after its answer."""
        until = time.monotonic() + seconds
        while True:
            lines = self.access_log.read_text().splitlines()
            found = [line for line in lines if text in line]
            if found or time.monotonic() > until:
                return found
            time.sleep(0.05)


def write_configuration(
    folder: Path, programs: Programs, hosts: Iterable[int], port: int
) -> list[str | Path]:
    """Write nginx's configuration for this machine to the folder; return the command to run it."""
    shutil.copytree(SHIPPED, folder)
    own = folder / "minicrm"
    servers = [f"server 127.0.0.1:{host} max_fails=2 fail_timeout=1s;\n" for host in hosts]
    (own / "hosts.conf").write_text("".join(servers))
    (own / "listen.conf").write_text(f"listen 127.0.0.1:{port};\nset $visitor_scheme http;\n")
    (own / "unlimited.conf").write_text(f"{UNLIMITED} 1;\n")
    (own / "access_log.conf").write_text(f"access_log {folder / 'access.log'} minicrm;\n")
    main = folder / "nginx.conf"
    changes = {
        "/tmp/nginx.pid": str(folder / "nginx.pid"),  # noqa: S108
        "/var/cache/nginx": str(folder),
        "/etc/nginx/conf.d": str(folder),
        "worker_processes auto": "worker_processes 2",
    }
    write_changed(SHIPPED / "nginx.conf", main, changes)
    for path in (folder, *folder.rglob("*")):
        give_away(path)
    return [programs.nginx, "-e", "stderr", "-p", folder, "-c", main]
