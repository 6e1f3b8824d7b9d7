"""What Django's admin logs of moves, besides the contacts' own history."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.admin.models import CHANGE, LogEntry
from django.http import HttpRequest

from leads.models import Contact
from leads.moving.moves import Move

# The field of a contact that the admin's log names as changed.
FIELDS = {
    Move.CLOSE: "status",
    Move.REOPEN: "status",
    Move.REQUEUE: "status",
    Move.REASSIGN: "operator",
}


def log_moves(request: HttpRequest, move: Move, contacts: Iterable[Contact]) -> None:
    """Log in the admin that the user moved these contacts."""
    message = [{"changed": {"fields": [FIELDS[move]]}}]
    LogEntry.objects.log_actions(str(request.user.pk), list(contacts), CHANGE, message)
