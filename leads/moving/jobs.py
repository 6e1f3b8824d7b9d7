"""Moves of many contacts, a bounded part a request; what is left is kept between the requests.

A job is a row of Django's session table, under a key of its own: it outlives a worker, expires by
itself, and several at once do not overwrite one another as they would in the user's own session.
Each contact is moved with the version that was read when it was selected, so whatever is done
twice changes nothing the second time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import get_random_string

from leads.models import Contact
from leads.moving.evidence import was_moved
from leads.moving.moves import SERVICES, Move
from leads.refusals import Refusal, refused_when_busy
from leads.services import Moved
from minicrm.errors import ServiceError
from minicrm.transactions import retried

MOST = 20_000  # contacts of one job
PART = 200  # contacts that one request moves at most,
PART_SECONDS = 5.0  # and for how long it begins with another
STEP = 20  # contacts after which what was done is kept: no more are in doubt when a worker dies
LEASE_SECONDS = 60  # after which a part that is still under way is held to be dead
KEPT = timedelta(days=1)
REFUSALS_KEPT = 50

Log = Callable[[list[Contact]], object]  # notes elsewhere which contacts were moved


@dataclass(slots=True)
class Job:
    """Contacts to be moved, with the versions that were read, and what became of them so far."""

    move: Move
    actor: str
    left: list[tuple[int, int]]  # (contact, version)
    selected: dict[str, int]  # how many of each status there were
    not_taken: int = 0  # selected too, but more than one job moves
    missing: int = 0  # ticked, and not in the filtered list any more
    back: str = ""  # where it was begun: an address of ours
    of_one: bool = False  # there, on the contact's own page
    confirmed: bool = False
    confirmed_at: str = ""
    said: dict[str, Any] = field(default_factory=dict)  # reason, operator, over limit
    moved: int = 0
    already: int = 0
    refused: int = 0
    assigned: int = 0  # other contacts, that waited, to places that were freed
    waits: int = 0  # of those moved: wait now
    refusals: list[dict[str, Any]] = field(default_factory=list)  # the first ones
    busy_until: float = 0
    key: str = ""
    stored: str = ""  # as read: whoever writes it first wins
    doubtful: int = 0  # of those left, the first ones: a worker that died may have moved them

    @property
    def total(self) -> int:
        """How many contacts the job is about."""
        return sum(self.selected.values())

    @property
    def done(self) -> int:
        """How many contacts have had their turn."""
        return self.total - len(self.left)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be done."""
        return self.confirmed and not self.left

    @property
    def is_busy(self) -> bool:
        """Whether another request is at it."""
        return self.busy_until > time.time()

    def claim(self) -> bool:
        """Take the job for one part; False when another request has it, or had it meanwhile."""
        if self.is_busy:
            return False
        self.doubtful = STEP if self.busy_until else 0  # nobody released it
        self.busy_until = time.time() + LEASE_SECONDS
        return self._save()

    def release(self, log: Log | None = None, moved: Collection[Contact] = ()) -> bool:
        """Keep what was done, and let the next request go on."""
        self.busy_until = 0
        return self._save(log, moved)

    def confirm(self, said: dict[str, Any]) -> None:
        """Note what the user said, and that it may begin."""
        self.said, self.confirmed, self.confirmed_at = said, True, timezone.now().isoformat()

    def run_part(self, log: Log | None = None) -> None:
        """Move as many contacts as one request should, each in its own transaction; release it.

        Every few contacts what was done is kept, together with what `log` writes. Stops when
        another request has taken the job over, which then accounts for what is not kept.
        """
        stop_at = time.monotonic() + PART_SECONDS
        moved: list[Contact] = []
        try:
            for turn, (contact_id, version) in enumerate(self.left[:PART], start=1):
                contact = self._move(contact_id, version)
                del self.left[0]
                self.doubtful -= 1
                if contact is not None:
                    moved.append(contact)
                if time.monotonic() > stop_at:
                    break
                if turn % STEP == 0:
                    self.busy_until = time.time() + LEASE_SECONDS
                    if not self._save(log, moved):
                        break
                    moved = []
        finally:
            self.release(log, moved)

    def _move(self, contact_id: int, version: int) -> Contact | None:
        move = SERVICES[self.move]
        try:
            with refused_when_busy():  # the others need not suffer from it
                result = move(contact_id, actor=self.actor, version=version, **self.said)
        except ServiceError as error:
            if not self._was_moved_before(contact_id):
                self._refuse(Refusal.of(contact_id, error))
                return None
            result = Moved(Contact.objects.get(pk=contact_id), changed=True)
        if not result.changed and not self._was_moved_before(contact_id):
            self.already += 1
            return None
        self.moved += 1
        self.assigned += result.assigned
        self.waits += result.contact.status == Contact.Status.WAITING
        return result.contact

    def _was_moved_before(self, contact_id: int) -> bool:
        """Whether a worker that died while it had this job moved the contact."""
        if self.doubtful <= 0 or not self.confirmed_at:
            return False
        since = datetime.fromisoformat(self.confirmed_at)
        operator_id = self.said.get("operator_id")
        return was_moved(
            contact_id, self.move, actor=self.actor, since=since, operator_id=operator_id
        )

    def _refuse(self, refusal: Refusal) -> None:
        self.refused += 1
        if len(self.refusals) < REFUSALS_KEPT:
            self.refusals.append(refusal.facts())

    def facts(self) -> dict[str, Any]:
        """Return what is kept, as JSON values."""
        return {name: getattr(self, name) for name in KEPT_FACTS}

    def _save(self, log: Log | None = None, moved: Collection[Contact] = ()) -> bool:
        """Keep the job, and the log of what was moved; neither when another request has it now."""
        text = SessionStore().encode(self.facts())
        if not self._write(text, log, moved):
            return False
        self.stored = text
        return True

    @retried
    def _write(self, text: str, log: Log | None, moved: Collection[Contact]) -> bool:
        row = Session.objects.filter(pk=self.key, session_data=self.stored)
        written = bool(row.update(session_data=text))
        if written and log is not None and moved:
            log(list(moved))
        return written


KEPT_FACTS = {one.name for one in fields(Job)} - {"key", "stored", "doubtful"}


def begin_job(move: Move, contacts: Iterable[Contact], *, actor: str, **facts: Any) -> Job:
    """Keep a new job that moves these contacts; they need `pk`, `version` and `status`.

    Those that wait come first: else the places that the others free would be handed to them, and
    they would not be any more what they were when they were selected.
    """
    chosen = sorted(contacts, key=lambda one: (one.status != Contact.Status.WAITING, one.pk))
    left = [(one.pk, one.version) for one in chosen]
    selected = dict(Counter(str(one.status) for one in chosen))
    job = Job(move, actor, left, selected, **facts)
    job.key = get_random_string(32)
    job.stored = SessionStore().encode(job.facts())
    SessionStore.clear_expired()
    Session.objects.create(
        session_key=job.key, session_data=job.stored, expire_date=timezone.now() + KEPT
    )
    return job


def find_job(key: str, *, actor: str) -> Job | None:
    """Return the user's job of this key, if there is one and it has not expired."""
    row = Session.objects.filter(pk=key, expire_date__gt=timezone.now()).first()
    facts: dict[str, Any] = row.get_decoded() if row else {}
    # Another release may have kept it: what it did not know has its default, what we do not know
    # is left out.
    facts = {name: value for name, value in facts.items() if name in KEPT_FACTS}
    if row is None or facts.get("actor") != actor or facts.get("move") not in Move.values:
        return None
    if "left" not in facts or "selected" not in facts:
        return None
    facts["move"] = Move(facts["move"])
    facts["left"] = [(contact_id, version) for contact_id, version in facts["left"]]
    return Job(**facts, key=key, stored=row.session_data)
