"""Made-up contacts, sent at a steady pace, and closed again after a while."""

import secrets
import time
from collections import Counter
from random import Random

from django.core.management.base import OutputWrapper

from leads.demo.client import Answer, ApiClient, Refused
from leads.demo.handling import Handling
from leads.demo.people import demo_contact

PEOPLE = 5_000


class Traffic:
    """One run: what is sent, at which pace, and what came of it."""

    def __init__(
        self, out: OutputWrapper, client: ApiClient, rng: Random, *, handling: Handling | None
    ) -> None:
        self._out = out
        self._client = client
        self._rng = rng
        self._handling = handling
        self._weights: dict[int | None, float] = {}
        self._outcomes: Counter[str] = Counter()
        self._started = time.monotonic()

    def find_sources(self, wished: list[int] | None) -> None:
        """Find the sources to send through, some busier than others. Raises Refused."""
        ids: list[int | None] = list(wished or [])
        if not ids:
            answer = self._client.get("/sources/")
            if answer.status == 403:
                ids = [None]  # a key bound to one source: the server knows which
            elif answer.status == 200 and isinstance(answer.body, list):
                ids = [source["id"] for source in answer.body]
            else:
                raise Refused(f"The sources cannot be read: {answer.detail}")
        if not ids:
            raise Refused("There are no sources yet.")
        self._weights = {source_id: self._rng.choice((1, 2, 3)) for source_id in ids}

    def run(self, *, rate: float, count: int | None, seconds: float) -> None:
        """Send contacts at this rate until there are `count`, or the time is over."""
        until = self._started + seconds
        sent = 0
        while count is None or sent < count:
            due = self._started + sent / rate
            if due >= until:
                # The last one has its time too, so that 10 seconds are 10 seconds.
                self._work_until(until)
                return
            self._work_until(due)
            if time.monotonic() >= until:
                return
            self._send(until)
            sent += 1

    def _work_until(self, moment: float) -> None:
        """Pass the time until the moment with closing what has been handled."""
        while self._handling and self._handling.next_at < moment:
            time.sleep(max(0.0, self._handling.next_at - time.monotonic()))
            try:
                self._handling.step()
            except Refused as error:
                self._out.write(f"Nothing is closed: {error}")
                self._handling = None
        time.sleep(max(0.0, moment - time.monotonic()))

    def _send(self, until: float) -> None:
        source_id = self._rng.choices(list(self._weights), list(self._weights.values()))[0]
        body = demo_contact(self._rng, people=PEOPLE)
        if source_id is not None:
            body["source_id"] = source_id
        name = secrets.token_hex(16)
        answer = self._client.post_once("/contacts/", body, name=name, until=until)
        outcome = self._outcome(answer)
        self._outcomes[outcome] += 1
        number = answer.body["id"] if answer.status == 201 else "-"
        self._out.write(f"contact {number}  source {source_id or 'of the key'}  {outcome}")

    def _outcome(self, answer: Answer) -> str:
        if answer.status == 201:
            return answer.body["operator"] or "waiting"
        if answer.status < 500 and answer.status != 429:
            raise Refused(f"The server refuses the contact: {answer.detail}")
        return f"not taken: {answer.detail}"

    def summarise(self) -> None:
        """Say who got how many, if any were sent."""
        if not self._outcomes:
            return
        sent = self._outcomes.total()
        seconds = time.monotonic() - self._started
        speed = f", {sent / seconds:.1f} per second" if sent > 1 else ""
        self._out.write(f"\nContacts sent: {sent} in {seconds:.0f} s{speed}")
        for outcome, number in self._outcomes.most_common():
            self._out.write(f"{number:>6}  {outcome}")
        if self._handling:
            self._out.write(f"Contacts closed: {self._handling.closed}")
        self._out.flush()
