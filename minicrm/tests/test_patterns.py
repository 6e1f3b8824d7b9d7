"""The regular expressions of the OpenAPI document let through what the validators let through."""

import re
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from minicrm.patterns import line_pattern, text_pattern, visible_pattern
from minicrm.schemas import Line, Text, VisibleLine

# The blocks of what is forbidden or blank, and some of letters.
BLOCKS = [(0, 0x3200), (0xF900, 0x10100), (0x11000, 0x11100), (0x13400, 0x13500)]
BLOCKS += [(0x1BC00, 0x1BD00), (0x1D100, 0x1D200), (0xDFF00, 0xE1100)]
SOME = [code for first, end in BLOCKS for code in range(first, end)]
ALL = [code for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]


def compiled(pattern):
    """Return an expression of the document; for Python, `$` may stand before a last newline."""
    return re.compile(pattern().removesuffix("$") + r"\Z")


def taken(kind, text):
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("kind", "pattern", "around"),
    [
        (Line, line_pattern, ""),
        (Line, line_pattern, "a"),
        (Text, text_pattern, "a"),
        (VisibleLine, visible_pattern, ""),
        (VisibleLine, visible_pattern, "a"),
    ],
)
@pytest.mark.parametrize("codes", [SOME, pytest.param(ALL, marks=pytest.mark.thorough)], ids=len)
def test_every_character_is_taken_or_refused_as_the_document_says(kind, pattern, around, codes):
    matches, validate = compiled(pattern).search, TypeAdapter(kind).validate_python
    wrong = []
    for code in codes:
        text = around + chr(code) + around
        try:
            validate(text)
            refused = False
        except ValidationError:
            refused = True
        if refused == bool(matches(text)):
            wrong.append(f"U+{code:04X}")
    assert wrong == []


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("text", "visible"),
    [("", False), (" \u200b\u3164", False), (" \u2800a\u3164", True), ("a\nb", False)],
)
def test_texts_of_several_characters(text, visible):
    assert bool(compiled(visible_pattern).search(text)) == taken(VisibleLine, text) == visible
