"""Shares as people read them."""

from django import template
from django.utils.formats import number_format

register = template.Library()


@register.filter
def percent(tenths: int, weight: int = 0) -> str:
    """Return tenths of a per cent in words: "33.3 %"; "< 0.1 %" where a weight comes to less.

    The script of the weights page writes them in the same way, after the example of nothing.
    """
    least = weight > 0 and not tenths
    number = number_format((tenths or least) / 10, 1, use_l10n=True)
    text = f"{number}\xa0%"
    return f"< {text}" if least else text
