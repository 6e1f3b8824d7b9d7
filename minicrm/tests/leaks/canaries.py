"""Values of leads that occur nowhere else, and where they were found."""

from collections.abc import Iterable
from html import unescape
from urllib.parse import quote, unquote

EMAIL = "canary.osprey@example.com"
OTHER_EMAIL = "canary.linnet@example.com"
PHONE = "+442079460177"
PHONE_AS_TYPED = "020 7946 0177"
OTHER_PHONE = "+442079460178"
EXTERNAL_ID = "tg-merlin-31"
NAME = "Wagtail Canary"
OTHER_NAME = "Redshank Canary"
MESSAGE = "Kestrel, please call me back."
REASON = "Dunlin asked for it."
PAYLOAD = {"plover": "curlew"}

# What of them is looked for, in small letters: pieces that every spelling of a value still has.
PIECES = (
    "osprey",
    "linnet",
    "79460177",
    "79460178",
    "7946 0177",
    "merlin",
    "wagtail",
    "redshank",
    "kestrel",
    "dunlin",
    "plover",
    "curlew",
)


def found_in(text: str) -> set[str]:
    """Return the pieces that stand in a text, also encoded as addresses and pages do."""
    spellings = (text, unquote(text.replace("+", " ")), unescape(text))
    return {piece for piece in PIECES for one in spellings if piece in one.casefold()}


def lines_with(text: str) -> list[str]:
    """Return the lines in which pieces stand."""
    return [line for line in text.splitlines() if found_in(line)]


def found_in_all(texts: Iterable[str]) -> list[str]:
    """Return those of the texts in which pieces stand."""
    return [text for text in texts if found_in(text)]


def in_address(text: str) -> str:
    """Return a text as it stands in an address."""
    return quote(text, safe="")
