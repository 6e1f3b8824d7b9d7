"""What became of a job, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.contrib import messages
from django.utils.translation import gettext as _

from leads.models import Contact
from leads.moving.jobs import Job
from leads.moving.moves import Move
from leads.moving.words import already_text, done_text, freed_text, missing_text, refused_text
from leads.refusals import Refusal, refusal_lines


def statuses_text(selected: Mapping[str, int]) -> str:
    """Return how many contacts of each status were selected."""
    counts = ((label, selected.get(status, 0)) for status, label in Contact.Status.choices)
    return ", ".join(f"{label}: {count}" for label, count in counts if count)


def outcome(job: Job) -> list[tuple[int, str]]:
    """Return (level of message, sentence) for all that happened so far."""
    return list(_outcome(job))


def _outcome(job: Job) -> Iterator[tuple[int, str]]:
    if job.moved or not (job.already or job.refused):
        yield messages.SUCCESS, done_text(job.move, job.moved)
    if job.moved and job.move in (Move.REQUEUE, Move.REOPEN):
        facts = {"assigned": job.moved - job.waits, "waiting": job.waits}
        text = _("Right after the move: with an operator %(assigned)d, waiting %(waiting)d.")
        yield messages.INFO, text % facts
    if job.assigned:
        yield messages.INFO, freed_text(job.assigned)
    if job.already:
        yield messages.INFO, already_text(job.already)
    if job.missing:
        yield messages.WARNING, missing_text(job.missing)
    if job.refused and not job.of_one:
        yield messages.WARNING, refused_text(job.refused)


def refusals_of(job: Job) -> list[tuple[Contact, str]]:
    """Return (contact, why it was not moved) for the first of those."""
    return refusal_lines([Refusal(**facts) for facts in job.refusals])
