"""Ages on a page that is renewed once a minute when nothing happens."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from leads.templatetags.figures import age_text

register = template.Library()


@register.simple_tag
def minutes_since(moment: datetime) -> SafeString:
    """Return how long ago `moment` was, without seconds: they would be wrong after a second."""
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        date_format(local, "DATETIME_FORMAT"),
        minutes_text(max(0, int((timezone.now() - moment).total_seconds()))),
    )


def minutes_text(seconds: int) -> str:
    """Return a number of seconds as "under 1 min", "1 min", and then as `age_text` tells it."""
    if seconds < 60:
        return _("under 1 min")
    return _("%(number)d min") % {"number": 1} if seconds < 120 else age_text(seconds)
