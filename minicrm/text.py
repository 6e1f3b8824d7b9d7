"""Rules for text that people and bots hand in. Pure functions, for the API and forms alike."""

import unicodedata

# Unicode's Bidi_Control property: invisible characters that reorder what a reader sees.
BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
LINE_CHARACTERS = frozenset("\n\r\t")
INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})


def forbidden_character(text: str, *, multiline: bool = False) -> str | None:
    """Return what is wrong with the first forbidden character of `text`, or None.

    Forbidden are control characters (line breaks and tabs are allowed in `multiline` text),
    halves of surrogate pairs, which have no UTF-8 form, and bidirectional controls.
    """
    for char in text:
        if char in BIDI_CONTROLS:
            return f"bidirectional control character U+{ord(char):04X}"
        category = unicodedata.category(char)
        if category == "Cs":
            return f"half of a surrogate pair U+{ord(char):04X}"
        if category == "Cc" and not (multiline and char in LINE_CHARACTERS):
            return f"control character U+{ord(char):04X}"
    return None


def is_blank(text: str) -> bool:
    """Whether `text` has nothing to see: white space and zero-width characters do not count."""
    return all(unicodedata.category(char) in INVISIBLE_CATEGORIES for char in text)


def clean_line(text: str) -> str:
    """Return a name or title in its one spelling: NFC, without white space around it."""
    return unicodedata.normalize("NFC", text).strip()
