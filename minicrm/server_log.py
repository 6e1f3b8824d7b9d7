"""gunicorn's own log, in the application's format, with one record for each request.

Imports nothing of Django: gunicorn's parent uses this too, and loads no more of the application.
"""

import logging
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from gunicorn.glogging import Logger

from minicrm.log_lines import LINES

FACTS = "minicrm.facts"  # as `minicrm.request_facts` notes them
UNKNOWN = "(unknown address)"


class ServerLog(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Errors on standard error, requests on standard output, as `LOG_FORMAT` says."""

    formatters: ClassVar[Mapping[str, type[logging.Formatter]]] = LINES
    filters: ClassVar[tuple[logging.Filter, ...]] = ()

    def setup(self, cfg: Any) -> None:
        """Set gunicorn's handlers up, with our formatters in place of its own."""
        super().setup(cfg)
        # In detail it writes down every address as it was asked for, whatever that holds.
        self.error_log.setLevel(max(self.error_log.level, logging.INFO))
        log_format = os.environ.get("LOG_FORMAT", "").strip().lower() or "plain"
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(self.formatters[log_format]())
            for one in self.filters:
                handler.addFilter(one)

    def access(self, resp: Any, req: Any, wsgi: dict[str, Any], request_time: timedelta) -> None:
        """Write the record of a request that has been answered, or was broken off."""
        if not self.access_log_enabled:
            return
        # A request that never reached the application has none.
        facts = wsgi.get(FACTS) or {"path": UNKNOWN, "client": wsgi.get("REMOTE_ADDR", "")}
        status = int(str(resp.status).split(None, 1)[0])
        self.access_log.info(
            "%s %s %s",
            wsgi.get("REQUEST_METHOD", "-"),
            facts["path"],
            status,
            extra={
                "said": ("method", "path", "status"),
                "method": wsgi.get("REQUEST_METHOD"),
                "status": status,
                "ms": round(request_time / timedelta(milliseconds=1), 1),
                "bytes": getattr(resp, "sent", None),
                **facts,
            },
        )


def log_of_worker(cfg: Any) -> Logger:
    """Return the log for a worker that has loaded the application: without personal data."""
    from minicrm.logs import FORMATTERS
    from minicrm.request_id import RequestIdFilter

    class WorkerLog(ServerLog):
        """The same, with what only a worker knows."""

        formatters = FORMATTERS
        filters = (RequestIdFilter(),)

    return WorkerLog(cfg)
