"""Why a place came free that a waiting contact got, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _


def place_text(cause: Mapping[str, Any], names: Mapping[int, str], *, contact_id: int) -> str:
    """Return why the contact got a place, or nothing."""
    freed = cause.get("contact_id")
    if cause.get("move") == "requeue" and freed == contact_id:
        return ""  # it left a place itself, and whoever was available took it
    number = cause.get("operator_id")
    operator = names.get(number, f"#{number}") if isinstance(number, int) else "–"
    text = str(_texts().get(str(cause.get("move") or cause.get("change")), ""))
    return text % {"contact": f"#{freed}", "operator": operator}


def _texts() -> dict[str, str]:
    return {
        "close": _("A place came free: contact %(contact)s was closed."),
        "requeue": _("A place came free: contact %(contact)s was put back into the queue."),
        "reassign": _("A place came free: contact %(contact)s was handed over."),
        "operator": _("A place came free: %(operator)s was switched on or given a higher limit."),
        "load": _("A place came free: the load of %(operator)s was counted anew."),
        "weights": _("A place came free: weights were changed."),
        "source": _("A place came free: the source was switched on."),
        "operator_off": _("%(operator)s was switched off."),
    }
