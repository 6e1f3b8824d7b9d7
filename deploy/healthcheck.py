"""Whether gunicorn in this container answers: exit status 0 or 1. For the image's HEALTHCHECK.

Asks for /healthz, which needs no database: a container is not made anew because PostgreSQL is away.
"""

from __future__ import annotations

import http.client
import os
import sys

SECONDS = 4


def allowed_host(hosts: str) -> str:
    """Return a host name that the application answers to, out of ALLOWED_HOSTS."""
    first = hosts.split(",")[0].strip().lstrip(".")
    return first if first and first != "*" else "localhost"


def port_of(bind: str) -> int:
    """Return the port of the first address in BIND."""
    return int(bind.split(",")[0].rpartition(":")[2] or 8000)


def main() -> int:
    """Ask, and say by the exit status how it went."""
    port = port_of(os.environ.get("BIND", ""))
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    # As the proxy would ask for a visitor over HTTPS: nobody is to be led there first.
    headers = {
        "Host": allowed_host(os.environ.get("ALLOWED_HOSTS", "")),
        "X-Forwarded-Proto": "https",
    }
    try:
        client.request("GET", "/healthz", headers=headers)
        return int(client.getresponse().status != 200)
    except (OSError, http.client.HTTPException) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
