"""What an audit event changed, as Django's admin shows it."""

from django.template.loader import render_to_string
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from distribution.event_words import readable_differences
from distribution.models import AuditEvent


def difference_lines(event: AuditEvent, *, most: int) -> SafeString:
    """Return at most so many differences, each in a line, and how many are left."""
    rows = list(readable_differences(event))
    lines = [_line(event, *row) for row in rows[:most]]
    left = len(rows) - len(lines)
    if left:
        lines.append(ngettext("and %(count)d more", "and %(count)d more", left) % {"count": left})
    return format_html_join("", "<div>{}</div>", ((line,) for line in lines or ["–"]))


def _line(event: AuditEvent, name: str, was: str, now: str) -> str:
    if event.before is None:
        return f"{name}: {now}"
    return f"{name}: {was}" if event.after is None else f"{name}: {was} → {now}"


def difference_table(event: AuditEvent) -> SafeString:
    """Return what differs as a table: what it was, what it is."""
    context = {
        "rows": list(readable_differences(event)),
        "has_before": event.before is not None,
        "has_after": event.after is not None,
    }
    return render_to_string("admin/distribution/auditevent/_differences.html", context)
