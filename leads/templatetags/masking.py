"""How lists show leads: whole to those who may see personal data, masked to everybody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import template

from leads.lead_facts import KEY_NAMES, Key
from leads.masking import (
    MASKS,
    masked_email,
    masked_external_id,
    masked_message,
    masked_name,
    masked_phone,
)
from leads.models import Lead

register = template.Library()
for mask in (masked_email, masked_external_id, masked_message, masked_name, masked_phone):
    register.filter(mask.__name__, mask)


@register.simple_tag(takes_context=True)
def lead_label(context: dict[str, Any], lead: Lead, *, whole: bool = False) -> str:
    """Return what a lead is called: the name, else the strongest key, else the number.

    `whole` is for the pages that are about this one person.
    """
    masks: Mapping[str, Callable[[str], str]] = {"name": masked_name, **MASKS}
    values = ((name, getattr(lead, name)) for name in ("name", *KEY_NAMES))
    name, value = next((pair for pair in values if pair[1]), ("", f"#{lead.pk}"))
    return value if whole or not name or sees_all(context) else masks[name](value)


@register.simple_tag(takes_context=True)
def lead_name(context: dict[str, Any], lead: Lead) -> str:
    """Return a lead's name, blank where there is none."""
    return lead.name if sees_all(context) else masked_name(lead.name)


@register.simple_tag(takes_context=True)
def key_value(context: dict[str, Any], key: Key) -> str:
    """Return one key of a lead."""
    return key.value if sees_all(context) else MASKS[key.name](key.value)


def sees_all(context: dict[str, Any]) -> bool:
    """Whether the page is for somebody who may see personal data in lists."""
    perms = context.get("perms")
    return bool(perms and "leads.see_personal_data" in perms)
