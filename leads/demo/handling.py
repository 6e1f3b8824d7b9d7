"""The operators of the demo at work: they close its contacts, each after a while."""

import time
from dataclasses import dataclass
from random import Random
from typing import Any

from leads.demo.client import ApiClient, Refused

LOOK_EVERY = 1.0  # seconds
SEEN_AT_ONCE = 1_000  # contacts: what the API lists at most
FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Handled:
    """A contact that an operator works on: at which version it was seen, and until when."""

    version: int
    until: float


class Handling:
    """Closes open contacts of the demo, and no others, after random times with a given mean.

    It looks at what is open rather than remember what was sent: contacts also come out of the
    queue, or are moved by somebody else.
    """

    def __init__(
        self, client: ApiClient, rng: Random, *, seconds: float, look_every: float = LOOK_EVERY
    ) -> None:
        self._client = client
        self._rng = rng
        self._seconds = seconds
        self._look_every = look_every
        self._look_at = time.monotonic() + look_every
        self._at_work: dict[int, Handled] = {}
        self.closed = 0

    @property
    def next_at(self) -> float:
        """When there is something to do (time.monotonic)."""
        return min([self._look_at, *(handled.until for handled in self._at_work.values())])

    def step(self) -> None:
        """Do the next thing. Raises Refused when this key may not close contacts."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + self._look_every
            self._look(now)
        for contact_id, handled in list(self._at_work.items()):
            if handled.until <= now:
                del self._at_work[contact_id]
                self._close(contact_id, handled.version)
                return

    def _look(self, now: float) -> None:
        """See who works on what; what is new gets its time."""
        answer = self._client.get(f"/contacts/?status=assigned&limit={SEEN_AT_ONCE}")
        if answer.status != 200 or not isinstance(answer.body, list):
            return  # busy, perhaps; there will be another look
        known, self._at_work = self._at_work, {}
        for contact in filter(_is_demo, answer.body):
            handled = known.get(contact["id"])
            if handled is None or handled.version != contact["version"]:
                until = now + self._rng.expovariate(1 / self._seconds)
                handled = Handled(contact["version"], until)
            self._at_work[contact["id"]] = handled

    def _close(self, contact_id: int, version: int) -> None:
        """Close a contact that is still as it was seen; else the next look will show it."""
        answer = self._client.post(f"/contacts/{contact_id}/close/", {"version": version})
        if answer.status == FORBIDDEN:
            raise Refused(answer.detail)
        if answer.status == 200 and answer.body["changed"]:
            self.closed += 1


def _is_demo(contact: dict[str, Any]) -> bool:
    return contact["payload"].get("demo") is True
