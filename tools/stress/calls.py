"""One request to the API, sent again until it is answered."""

import contextlib
import http.client
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

TIMEOUT_SECONDS = 40  # above the server's own limit for one request
MAX_TRIES = 40
LONGEST_PAUSE = 1.0
NO_ANSWER = "no answer"
BAD_503 = "503 without Retry-After"


@dataclass(slots=True)
class Outcome:
    """The final answer, `status` None if none came, and what came before it (`tally`)."""

    status: int | None = None
    body: Any = None
    replayed: bool = False
    milliseconds: float = 0.0  # of the try that was answered
    tally: Counter[str] = field(default_factory=Counter)

    @property
    def code(self) -> str:
        """What a refusal is called, "" for an answer that is none."""
        if self.status is None or self.status < 400 or not isinstance(self.body, dict):
            return ""
        return str(self.body.get("code", ""))


class Caller:
    """A connection to the API that is kept open, and opened anew when it breaks."""

    def __init__(self, port: int, *, deadline: float) -> None:
        """Speak to 127.0.0.1 until `deadline` (time.monotonic), and no longer."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._deadline = deadline

    def call(
        self, method: str, path: str, body: Any = None, *, token: str, key: str = ""
    ) -> Outcome:
        """Send a request under the same Idempotency-Key until it is answered, or tries run out.

        Tried again: broken connections, 503, and 409 for a key whose first request is under way.
        """
        outcome = Outcome()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        data = None if body is None else json.dumps(body).encode()
        for attempt in range(MAX_TRIES):
            if time.monotonic() > self._deadline:
                break
            pause = self._try(outcome, method, path, data, headers)
            if pause is None:
                return outcome
            outcome.status = outcome.body = None
            time.sleep(min(pause, LONGEST_PAUSE, 0.05 * 2**attempt))
        return outcome

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _try(
        self, outcome: Outcome, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> float | None:
        """Send it once; return None if that was the answer, else how long to wait at most."""
        started = time.perf_counter()
        try:
            self._connection.request(method, "/api/v1" + path, data, headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            outcome.tally[NO_ANSWER] += 1
            return LONGEST_PAUSE
        outcome.milliseconds = round((time.perf_counter() - started) * 1000, 2)
        outcome.status = response.status
        outcome.body = None
        with contextlib.suppress(ValueError):
            outcome.body = json.loads(text)
        outcome.replayed = response.headers.get("Idempotency-Replayed") == "true"
        return _pause_after(outcome, has_retry_after="Retry-After" in response.headers)


def _pause_after(outcome: Outcome, *, has_retry_after: bool) -> float | None:
    """Count the answer; return how long to wait before another try, None if it is final."""
    name = f"{outcome.status} {outcome.code}".strip()
    if outcome.status == 503 and not has_retry_after:
        name = BAD_503
    outcome.tally[name] += 1
    in_flight = outcome.code == "idempotency_key_in_use"
    # Sooner than Retry-After asks: impatient callers are the harder case.
    return LONGEST_PAUSE if in_flight or (outcome.status or 0) >= 500 else None
