"""Ages and big numbers as people read them."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from distribution.models import Operator

register = template.Library()

BUSY_FROM = 0.8  # of the limit: the load bar changes its colour
# Down to what number of seconds each unit is used, largest first.
UNITS = ((172_800, 86_400), (7_200, 3_600), (120, 60))


@register.simple_tag
def age(moment: datetime) -> SafeString:
    """Return how long ago `moment` was, as a <time> that holds the exact time too.

    Each unit begins at two of it: "119 s", "2 min", ... "119 min", "2 h", ... "47 h", "2 d".
    """
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        date_format(local, "DATETIME_FORMAT"),
        age_text(max(0, int((timezone.now() - moment).total_seconds()))),
    )


def age_text(seconds: int) -> str:
    """Return a number of seconds in the largest unit that it fills twice."""
    number, size = seconds, 1
    for begins, unit in UNITS:
        if seconds >= begins:
            number, size = seconds // unit, unit
            break
    texts = {
        1: _("%(number)d s"),
        60: _("%(number)d min"),
        3_600: _("%(number)d h"),
        86_400: _("%(number)d d"),
    }
    return texts[size] % {"number": number}


@register.filter
def grouped(number: int) -> str:
    """Return a number with its digits grouped as the language does it."""
    return number_format(number, use_l10n=True, force_grouping=True)


@register.filter
def load_state(operator: Operator) -> str:
    """Return `off`, `full` (at the limit or over it), `busy` or `free`."""
    if not operator.is_active:
        return "off"
    if operator.current_load >= operator.max_load:
        return "full"
    return "busy" if operator.current_load >= BUSY_FROM * operator.max_load else "free"


@register.filter
def load_filled(operator: Operator) -> int:
    """Return how far a bar that ends at the limit is filled; a limit of 0 is reached at once."""
    return min(operator.current_load, operator.max_load) if operator.max_load else 1
