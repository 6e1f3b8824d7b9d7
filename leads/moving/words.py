"""What is asked before contacts are moved, and what is told afterwards, by their number."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from leads.models import Contact
from leads.moving.moves import Move


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


def question_about(move: Move, contact: Contact) -> str:
    """Return what is asked before this contact is moved."""
    texts = {
        Move.CLOSE: _("Close contact #%(number)d?"),
        Move.REOPEN: _("Reopen contact #%(number)d?"),
        Move.REQUEUE: _("Put contact #%(number)d back into the queue?"),
        Move.REASSIGN: _("Who gets contact #%(number)d?"),
    }
    return texts[move] % {"number": contact.pk}


def moved_text(move: Move, contact: Contact) -> str:
    """Return what became of a contact that was moved so, as it is now."""
    with_whom = contact.status == Contact.Status.ASSIGNED
    texts = {
        Move.CLOSE: _("Contact #%(number)d is closed."),
        Move.REOPEN: _("Contact #%(number)d is open again, with %(operator)s.")
        if with_whom
        else _("Contact #%(number)d is open again and waits."),
        Move.REQUEUE: _("Contact #%(number)d was put back and went to %(operator)s.")
        if with_whom
        else _("Contact #%(number)d was put back into the queue."),
        Move.REASSIGN: _("Contact #%(number)d is with %(operator)s now."),
    }
    return texts[move] % {"number": contact.pk, "operator": contact.operator}


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
