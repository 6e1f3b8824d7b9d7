"""A small, polite client of our own API: one connection kept open, and patience when asked."""

import contextlib
import http.client
import ipaddress
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 35  # above the server's own limit for one request
LONGEST_PAUSE = 60.0
PLEASE_WAIT = frozenset({429, 503})
JSON = {"Content-Type": "application/json"}


class Unreachable(Exception):
    """There is no server, or it does not speak HTTP."""


class Refused(Exception):
    """The server answers, but not to this: wrong key, wrong source, wrong address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the JSON body, None where there was no JSON."""

    status: int
    body: Any
    retry_after: float = 0.0

    @property
    def detail(self) -> str:
        """What the server says about an error."""
        told = self.body.get("detail", "") if isinstance(self.body, dict) else ""
        return f"{self.status} {told}".strip()


def is_this_machine(url: str) -> bool:
    """Whether the address is of this machine alone."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ApiClient:
    """Speaks to the API at `url` with `key`."""

    def __init__(self, url: str, key: str) -> None:
        """Take the address apart; ValueError when it is none."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is no address such as http://127.0.0.1:8000")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(host, port, timeout=TIMEOUT_SECONDS)
        self._prefix = parts.path.rstrip("/") + "/api/v1"
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._url = url

    def get(self, path: str) -> Answer:
        """Ask for something."""
        return self._request("GET", path, None, {})

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Ask for something to be done."""
        return self._request("POST", path, json.dumps(body).encode(), JSON)

    def post_once(self, path: str, body: Mapping[str, Any], *, name: str, until: float) -> Answer:
        """Hand something in, exactly once however often it is sent; `name` is unique to it.

        A server that is too busy is asked again when it says so, until `until` (time.monotonic).
        """
        headers = {**JSON, "Idempotency-Key": name}
        while True:
            answer = self._request("POST", path, json.dumps(body).encode(), headers)
            resume = time.monotonic() + answer.retry_after
            if answer.status not in PLEASE_WAIT or resume >= until:
                return answer
            time.sleep(answer.retry_after)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        """Send a request; once more on a new connection if the server had closed the idle one."""
        while True:
            was_open = self._connection.sock is not None
            try:
                return self._exchange(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if not (was_open and isinstance(error, ConnectionError)):
                    reason = str(error) or type(error).__name__
                    raise Unreachable(f"{self._url} does not answer ({reason}).") from error

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        self._connection.request(method, self._prefix + path, body, {**self._headers, **headers})
        response = self._connection.getresponse()
        text = response.read()
        answer = None
        with contextlib.suppress(ValueError):
            answer = json.loads(text)
        return Answer(response.status, answer, _seconds(response.headers.get("Retry-After")))


def _seconds(retry_after: str | None) -> float:
    """Return the pause that the server asks for; a second where it does not say it in seconds."""
    text = (retry_after or "").strip()
    known = text.isascii() and text.isdigit()
    return min(LONGEST_PAUSE, float(text)) if known else 1.0
