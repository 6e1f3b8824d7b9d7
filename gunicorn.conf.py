"""How gunicorn serves the application; every value that may differ is an environment variable."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from gunicorn.util import parse_address


def _stop(message: str) -> NoReturn:
    sys.stderr.write(f"gunicorn.conf.py: {message}\n")
    raise SystemExit(2)


def _int(name: str, default: int, lowest: int, highest: int) -> int:
    text = os.environ.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
        _stop(f"{name} must be a whole number from {lowest} to {highest}; it is {text!r}.")
    return int(text)


def _bool(name: str) -> bool:
    text = os.environ.get(name, "").strip().lower() or "off"
    if text not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
        _stop(f"{name} must be one of 1, true, yes, on, 0, false, no, off; it is {text!r}.")
    return text in {"1", "true", "yes", "on"}


def _addresses() -> list[str]:
    port = _int("PORT", 8000, 1, 65535)
    addresses = os.environ.get("BIND", "").strip() or f"127.0.0.1:{port}"
    for address in addresses.split(","):
        try:
            parse_address(address.strip())
        except (RuntimeError, ValueError):
            _stop(f"BIND must be HOST:PORT or unix:PATH, comma-separated; it is {addresses!r}.")
    return [address.strip() for address in addresses.split(",")]


wsgi_app = "minicrm.wsgi:application"
bind = _addresses()

# Threads: a request mostly waits for the database. Processes: to use more than one core.
worker_class = "gthread"
workers = _int("WEB_CONCURRENCY", 2, 1, 256)
threads = _int("WEB_THREADS", 4, 1, 256)

timeout = 30  # seconds; above the database's statement timeout, so that one ends first
graceful_timeout = 30
keepalive = 5

# Off: each worker makes its own database connections and HUP loads new code.
preload_app = False
# Never: a worker that restarts by count hides a leak and delays whoever is waiting.
max_requests = 0

# Room for a list filtered by several Cyrillic values, six characters a letter in the address.
limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190

# Nobody uses the control interface, and an open socket is one more thing to guard.
control_socket_disable = True
# The heartbeat file in memory: on a busy disk a healthy worker would look dead.
worker_tmp_dir = "/dev/shm" if os.access(Path("/dev/shm"), os.W_OK | os.X_OK) else None  # noqa: S108

accesslog = "-" if _bool("ACCESS_LOG") else None  # a proxy in front usually keeps one
