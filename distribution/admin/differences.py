"""What an audit event changed, in words that a person can read."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateTimeField, Model
from django.template.loader import render_to_string
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from distribution.audit import differences
from distribution.models import ApiKey, AuditEvent, Operator, Source

# What an event's object_id is the number of. The weights of a source are recorded as one set.
MODELS: dict[str, type[Model]] = {
    "operator": Operator,
    "source": Source,
    "weights": Source,
    "api_key": ApiKey,
    "user": User,
    "group": Group,
}


def difference_lines(event: AuditEvent, *, most: int) -> SafeString:
    """Return at most so many differences, each in a line, and how many are left."""
    rows = list(_readable(event))
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
        "rows": list(_readable(event)),
        "has_before": event.before is not None,
        "has_after": event.after is not None,
    }
    return render_to_string("admin/distribution/auditevent/_differences.html", context)


def _readable(event: AuditEvent) -> Iterator[tuple[str, str, str]]:
    # Databases keep the order of JSON's members or do not; fields come as on the object's page.
    rows = sorted(differences(event.before, event.after), key=lambda row: _place(event, row[0]))
    for name, was, now in rows:
        texts = _text(event, name, was), _text(event, name, now)
        if texts[0] != texts[1]:  # an empty list that was not there before is no news
            yield _label(event, name), *texts


def _place(event: AuditEvent, name: str) -> tuple[int, int, str]:
    options = MODELS[event.object_type]._meta
    names = [field.name for field in (*options.fields, *options.many_to_many)]
    # Shorter ones first: so numbers are in their order too.
    return names.index(name) if name in names else len(names), len(name), name


def _label(event: AuditEvent, name: str) -> str:
    """Return whose weight it is, or what the field is called on pages, or the name as recorded."""
    if event.object_type == "weights" and name.isdecimal():
        return str(event.operators.get(int(name), f"#{name}"))  # type: ignore[attr-defined]
    field = _field(event, name)
    return capfirst(str(field.verbose_name)) if field else name


def _text(event: AuditEvent, name: str, value: Any) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    is_moment = isinstance(_field(event, name), DateTimeField)
    moment = parse_datetime(str(value)) if is_moment else None
    if moment:
        return date_format(localtime(moment), "DATETIME_FORMAT")
    return str(value)


def _field(event: AuditEvent, name: str) -> Any:
    try:
        return MODELS[event.object_type]._meta.get_field(name)
    except FieldDoesNotExist:
        return None
