"""The rules of `minicrm.text` as regular expressions, for the OpenAPI document.

Whoever reads the document, people and programs alike, can tell beforehand which texts are taken.
The expressions are in the common part of ECMAScript's (with the flag `u`) and Python's dialects.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from minicrm.text import forbidden_character, is_visible


@dataclass(frozen=True)
class Described:
    """Adds a regular expression to the JSON schema of a text; validators do the checking.

    Pydantic's own `pattern` would check it too, and answer with a code that says nothing.
    """

    pattern: Callable[[], str]

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(core_schema) | {"pattern": self.pattern()}


@cache
def line_pattern() -> str:
    """Return what a line matches: no control characters, and none that reorder what is read."""
    return f"^{_allowed(multiline=False)}$"


@cache
def text_pattern() -> str:
    """Return what text of several lines matches."""
    return f"^{_allowed(multiline=True)}$"


@cache
def visible_pattern() -> str:
    """Return what a line with something to see in it matches."""
    allowed = _allowed(multiline=False)
    visible = _none_of(code for code in range(sys.maxunicode + 1) if not is_visible(chr(code)))
    return f"^{allowed}{visible}{allowed}$"


def _allowed(*, multiline: bool) -> str:
    codes = range(0x10000)  # all that is forbidden is among them
    forbidden = (code for code in codes if forbidden_character(chr(code), multiline=multiline))
    return f"{_none_of(forbidden)}*"


def _none_of(codes: Iterable[int]) -> str:
    """Return the class of all characters but these."""
    ranges: list[list[int]] = []
    for code in codes:
        if 0xD800 <= code <= 0xDFFF:  # halves of surrogate pairs: no valid JSON holds them
            continue
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return f"[^{''.join(f'{_escaped(first)}-{_escaped(last)}' for first, last in ranges)}]"


def _escaped(code: int) -> str:
    # Beyond four digits the dialects differ; the character itself is what all of them take.
    return f"\\u{code:04x}" if code <= 0xFFFF else chr(code)
