"""A contact's timeline as a table of the admin."""

from __future__ import annotations

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from leads.models import Contact
from leads.timeline_words import timeline_lines


def timeline_table(contact: Contact) -> SafeString:
    """Return all that happened to a contact; a handful of queries, however much that is."""
    lines = timeline_lines(contact)
    return render_to_string("admin/leads/_timeline.html", {"lines": lines})
