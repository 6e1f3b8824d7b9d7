"""The moves that a person can make with contacts in Django's admin, and their words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

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
# The field of a contact that the admin's log names as changed.
FIELDS = {
    Move.CLOSE: "status",
    Move.REOPEN: "status",
    Move.REQUEUE: "status",
    Move.REASSIGN: "operator",
}
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


def question(move: Move, count: int) -> str:
    """Return what is asked before so many contacts are moved."""
    texts = {
        Move.CLOSE: ngettext("Close %(count)d contact?", "Close %(count)d contacts?", count),
        Move.REOPEN: ngettext("Reopen %(count)d contact?", "Reopen %(count)d contacts?", count),
        Move.REQUEUE: ngettext(
            "Put %(count)d contact back into the queue?",
            "Put %(count)d contacts back into the queue?",
            count,
        ),
        Move.REASSIGN: ngettext(
            "Hand %(count)d contact over to an operator?",
            "Hand %(count)d contacts over to an operator?",
            count,
        ),
    }
    return texts[move] % {"count": count}


def done_text(move: Move, count: int) -> str:
    """Return how many contacts were moved."""
    texts = {
        Move.CLOSE: ngettext("%(count)d contact closed.", "%(count)d contacts closed.", count),
        Move.REOPEN: ngettext("%(count)d contact reopened.", "%(count)d contacts reopened.", count),
        Move.REQUEUE: ngettext(
            "%(count)d contact put back into the queue.",
            "%(count)d contacts put back into the queue.",
            count,
        ),
        Move.REASSIGN: ngettext(
            "%(count)d contact handed over.", "%(count)d contacts handed over.", count
        ),
    }
    return texts[move] % {"count": count}


def log_moves(request: HttpRequest, move: Move, contacts: Iterable[Contact]) -> None:
    """Log in the admin that the user moved these contacts."""
    message = [{"changed": {"fields": [FIELDS[move]]}}]
    LogEntry.objects.log_actions(str(request.user.pk), list(contacts), CHANGE, message)


def missing_text(count: int) -> str:
    """Return how many contacts were selected that the list no longer showed; nothing for none."""
    text = ngettext(
        "%(count)d selected contact has changed since and is left out.",
        "%(count)d selected contacts have changed since and are left out.",
        count,
    )
    return text % {"count": count} if count > 0 else ""


def already_text(count: int) -> str:
    """Return how many contacts were so already."""
    text = ngettext(
        "%(count)d contact was so already; nothing was done.",
        "%(count)d contacts were so already; nothing was done.",
        count,
    )
    return text % {"count": count}


def refused_text(count: int) -> str:
    """Return how many contacts were not moved."""
    text = ngettext("%(count)d contact was not moved.", "%(count)d contacts were not moved.", count)
    return text % {"count": count}


def more_text(count: int) -> str:
    """Return how many there are besides those listed; nothing for none."""
    text = ngettext("and %(count)d more", "and %(count)d more", count)
    return text % {"count": count} if count > 0 else ""


def freed_text(count: int) -> str:
    """Return how many waiting contacts got places that became free."""
    text = ngettext(
        "%(count)d waiting contact got a place that became free.",
        "%(count)d waiting contacts got places that became free.",
        count,
    )
    return text % {"count": count}
