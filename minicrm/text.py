"""Rules for text that people and bots hand in. Pure functions, for the API and forms alike."""

import unicodedata

# Unicode's Bidi_Control property: invisible characters that reorder what a reader sees.
BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
LINE_CHARACTERS = frozenset("\n\r\t")
INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
# Letters, marks and signs with nothing to see: what of Unicode's Default_Ignorable_Code_Point
# property is in none of the categories above (fillers of Korean and Khmer syllables, variation
# selectors), and the Braille pattern without dots.
BLANKS = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x2065, 0x2065),
        (0x2800, 0x2800),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xFFF0, 0xFFF8),
        (0xE0000, 0xE0FFF),
    )
    for code in range(first, last + 1)
)


def forbidden_character(text: str, *, multiline: bool = False) -> str | None:
    """Return what is wrong with the first forbidden character of `text`, or None.

    Forbidden are control characters (line breaks and tabs are allowed in `multiline` text),
    halves of surrogate pairs, which have no UTF-8 form, and bidirectional controls.
    """
    if text.isprintable():  # mostly; then it has none of them
        return None
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
    """Whether `text` has nothing to see: white space, zero-width and blank characters."""
    return not any(map(is_visible, text))


def is_visible(char: str) -> bool:
    """Whether there is something to see of this character, to our knowledge."""
    return unicodedata.category(char) not in INVISIBLE_CATEGORIES and char not in BLANKS


def clean_line(text: str) -> str:
    """Return a name or title in its one spelling: NFC, without white space around it."""
    return unicodedata.normalize("NFC", text).strip()
