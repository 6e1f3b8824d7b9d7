"""gunicorn as compose.yaml runs it, twice, each a process group of its own."""

from __future__ import annotations

import http.client
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.local.processes import START_SECONDS, Part, StartError, free_port, tail

ROOT = Path(__file__).resolve().parent.parent.parent
# Hands the socket on as systemd does: as descriptor 3, told to this process alone.
AS_SYSTEMD = """
import os, sys
os.dup2(int(os.environ["LISTENER"]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class Host:
    """One gunicorn, as the proxy knows it by its port.

    With `socket_kept`, somebody else listens for it, as systemd does by minicrm.socket: who comes
    while it is restarted waits, and is not refused.
    """

    def __init__(
        self, name: str, folder: Path, env: Mapping[str, str], *, socket_kept: bool = False
    ) -> None:
        self.name = name
        self.port = free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port)) if socket_kept else None
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
        if self._listener:
            command = [sys.executable, "-c", AS_SYSTEMD, *command[1:]]
        own = {**env, "BIND": f"127.0.0.1:{self.port}"}
        if self._listener:
            own |= {"LISTEN_FDS": "1", "LISTENER": str(self._listener.fileno())}
        # The clone may lie where only we may look, as below /root.
        log = folder / f"{name}.log"
        self.part = Part(name, command, log, own, ROOT, unprivileged=False)

    def launch(self) -> None:
        """Start it, and do not wait."""
        self.part.launch(keep=[self._listener.fileno()] if self._listener else [])

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        self.wait()

    def wait(self) -> None:
        """Wait until it answers."""
        self.part.wait(until=self.answers)

    def close(self) -> None:
        """End it, and listen no longer."""
        self.part.stop()
        if self._listener:
            self._listener.close()

    def answers(self) -> bool:
        """Whether it answers at this moment."""
        return self.status_of("/healthz") == 200

    def status_of(self, path: str) -> int:
        """Ask it, past the proxy; 0 when there is no answer."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            client.request("GET", path, headers={"X-Forwarded-Proto": "https"})
            return client.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            client.close()

    def reload(self) -> None:
        """Reload it by HUP, and wait until all of its workers are new ones that answer."""
        before = set(self.part.children())
        self.part.send(signal.SIGHUP)
        give_up_at = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up_at:
            now = set(self.part.children())
            if len(now) == len(before) and not now & before and self.answers():
                return
            time.sleep(0.05)
        raise StartError(f"{self.name} does not reload:\n{tail(self.part.log)}")
