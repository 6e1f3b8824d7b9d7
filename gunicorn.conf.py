"""How gunicorn serves the application; every value that may differ is an environment variable."""

import os
import resource
import signal
import sys
from pathlib import Path

from gunicorn.arbiter import Arbiter
from gunicorn.util import parse_address
from gunicorn.workers.base import Worker

# Here, once and for all: a wrong setting found by the workers would end and restart them for ever.
from minicrm import environment as env
from minicrm import settings
from minicrm.metrics import worker_files
from minicrm.server_log import ServerLog
from minicrm.worker import Worker as OwnWorker

# The workers load the code themselves, so that HUP brings a new version of all of it.
for module in [name for name in sys.modules if name.partition(".")[0] == "minicrm"]:
    del sys.modules[module]


def _addresses() -> list[str]:
    port = env.read_int("PORT", default=8000, minimum=1, maximum=65535)
    addresses = env.read_list("BIND") or [f"127.0.0.1:{port}"]
    for address in addresses:
        try:
            parse_address(address)
        except (RuntimeError, ValueError):
            env.stop(f"BIND must be HOST:PORT or unix:PATH, comma-separated; it has {address!r}.")
    return addresses


wsgi_app = "minicrm.wsgi:application"
bind = _addresses()

# Threads: a request mostly waits for the database. Processes: to use more than one core.
worker_class = OwnWorker
workers = env.read_int("WEB_CONCURRENCY", default=2, minimum=1, maximum=256)
threads = env.read_int("WEB_THREADS", default=8, minimum=1, maximum=256)

timeout = 30  # seconds without a sign of life, after which a worker is replaced
graceful_timeout = 30
keepalive = 5
# A connection more than there are file descriptors for would end the worker that accepts it.
worker_connections = min(1000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)

# Off: each worker makes its own database connections and HUP loads new code.
preload_app = False
# Never: a worker that restarts by count hides a leak and delays whoever is waiting.
max_requests = 0

# Room for a list filtered by several Cyrillic values, six characters a letter in the address.
limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190

# The application alone decides whom to believe (BEHIND_PROXY). gunicorn would believe whatever
# comes from this machine, where proxies run that pass on what they were sent.
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}

# Nobody uses the control interface, and an open socket is one more thing to guard.
control_socket_disable = True
# The heartbeat file in memory: on a busy disk a healthy worker would look dead.
worker_tmp_dir = "/dev/shm" if os.access(Path("/dev/shm"), os.W_OK | os.X_OK) else None  # noqa: S108

# Both logs in the application's format, and without what may be about people.
logger_class = ServerLog
accesslog = "-" if settings.ACCESS_LOG else None  # a proxy usually keeps one


def on_starting(server: Arbiter) -> None:
    """Make the folder in which the workers count requests for /metrics."""
    if settings.METRICS_TOKEN:
        worker_files.make_folder(worker_tmp_dir)


def pre_fork(server: Arbiter, worker: Worker) -> None:
    """Give the worker a place of its own, in that folder and where connections are counted."""
    worker_files.take_place(server.WORKERS.values(), worker)


def post_fork(server: Arbiter, worker: Worker) -> None:
    """Tell the worker its place before it loads the application, and let it end until then.

    A worker that has just been made has its parent's handlers, in which a signal is lost: told to
    stop at that moment it would go on, until the parent kills it half a minute later.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda *_: os._exit(0))
    if settings.METRICS_TOKEN:
        worker_files.settle(worker)


def child_exit(server: Arbiter, worker: Worker) -> None:
    """Count off a worker that has ended, however it did: the others would wait for it."""
    # One that an earlier version started before a reload has nothing to count off.
    if stop_counting := getattr(worker, "stop_counting", None):
        stop_counting()


def on_exit(server: Arbiter) -> None:
    """Remove the folder."""
    worker_files.remove_folder()


def post_worker_init(worker: Worker) -> None:
    """Let a worker told to quit, as by Ctrl-C, end as it does for TERM: with its requests answered.

    gthread's own handler for it asks for the thread pool's lock. If the signal comes while the
    worker hands a request to the pool, it holds that lock itself, and hangs until the parent
    kills it half a minute later.
    """
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, worker.handle_exit)
    from minicrm.server_log import log_of_worker  # of the code that the worker has just loaded

    worker.log = log_of_worker(worker.cfg)
