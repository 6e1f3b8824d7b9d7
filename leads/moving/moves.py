"""The moves that a person can make with contacts, and what can be done with which of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from leads.models import Contact
from leads.services import (
    Moved,
    close_contact,
    reassign_contact,
    reopen_contact,
    requeue_contact,
)

Status = Contact.Status


class Move(models.TextChoices):
    """What can be done with a contact by hand."""

    CLOSE = "close", _("Close")
    REOPEN = "reopen", _("Reopen")
    REQUEUE = "requeue", _("Put back into the queue")
    REASSIGN = "reassign", _("Hand over to an operator")


SERVICES: dict[Move, Callable[..., Moved]] = {
    Move.CLOSE: close_contact,
    Move.REOPEN: reopen_contact,
    Move.REQUEUE: requeue_contact,
    Move.REASSIGN: reassign_contact,
}
# What a contact of each status can be put through.
POSSIBLE = {
    Status.WAITING: [Move.REASSIGN, Move.CLOSE],
    Status.ASSIGNED: [Move.REASSIGN, Move.REQUEUE, Move.CLOSE],
    Status.CLOSED: [Move.REOPEN],
}


def possible_moves(contact: Contact) -> list[Move]:
    """Return what can be done with a contact as it is now."""
    return POSSIBLE[Status(contact.status)]


EXPLANATIONS: dict[Move, Any] = {
    Move.CLOSE: _("The places that become free go to the contacts that have waited longest."),
    Move.REOPEN: _(
        "Each goes back to its last operator if they are available, else to one chosen by weight;"
        " if nobody can take it, it waits."
    ),
    Move.REQUEUE: _(
        "Each leaves its operator and takes its old place in the queue, which is served at once:"
        " whoever is available gets it, be it the same operator."
    ),
    Move.REASSIGN: _("Each goes to the operator chosen here, whatever the weights say."),
}
