"""Which characters people and bots may hand in."""

import sys
import unicodedata

import pytest

from minicrm.text import BIDI_CONTROLS, forbidden_character

pytestmark = pytest.mark.any_database

EVERY = [chr(code) for code in range(sys.maxunicode + 1)]


def test_controls_surrogates_and_what_reorders_text_are_forbidden_and_nothing_else():
    """Mostly a text is let through at a glance: no such character may look harmless there."""
    forbidden = {c for c in EVERY if unicodedata.category(c) in ("Cc", "Cs")} | BIDI_CONTROLS
    assert {char for char in EVERY if forbidden_character(char)} == forbidden
    assert not any(map(str.isprintable, forbidden))


def test_one_among_others_is_found():
    assert forbidden_character("a\x07b") == "control character U+0007"
    assert forbidden_character("a\nb\t", multiline=True) is None
    assert forbidden_character("a\nb") == "control character U+000A"
