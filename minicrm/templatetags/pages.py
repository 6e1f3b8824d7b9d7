"""Tags that the templates of all pages use: icons, where a form leads back to, toasts."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django import template
from django.contrib.messages.storage.base import Message
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from minicrm.pages import changed_query

register = template.Library()


@dataclass(frozen=True, slots=True)
class Toast:
    """What a message shows: its text, its level, and how to undo what it tells of."""

    text: str
    level: str
    undo_url: str = ""
    undo_fields: dict[str, str] = field(default_factory=dict)


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return one of our icons; it says nothing to a screen reader."""
    address = static("vendor/tabler-icons/icons.svg")
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', address, name
    )


@register.simple_tag(takes_context=True)
def stay(context: dict[str, Any]) -> SafeString:
    """Return the hidden field that brings a form's user back to the page they are on."""
    return _next(str(context.get("here", "")))


@register.simple_tag(takes_context=True)
def came_from(context: dict[str, Any]) -> SafeString:
    """Return the same for a form on a page of its own, which is the dialog of another page.

    Without scripts nobody knows that other page, and the view's default applies.
    """
    request = context["request"]
    known = request.method == "POST" or getattr(request, "htmx", None)
    return _next(str(context.get("here", ""))) if known else SafeString("")


def _next(address: str) -> SafeString:
    return format_html('<input type="hidden" name="next" value="{}">', address)


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: object) -> str:
    """Return the address's query string with some values changed; None takes one out."""
    return changed_query(context["request"].GET, **changes)


@register.filter
def toasts(messages: Iterable[Message]) -> Iterator[Toast]:
    """Yield what the messages show."""
    for message in messages:
        undo = json.loads(message.extra_tags) if message.extra_tags else {}
        yield Toast(
            str(message.message), message.level_tag, undo.get("url", ""), undo.get("fields", {})
        )


@register.filter
def trim(text: str) -> str:
    """Return a block's text without the line breaks around it, as an attribute wants it."""
    return text.strip()
