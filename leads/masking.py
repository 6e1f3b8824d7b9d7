"""What is shown of personal data to those who may not see all of it. Pure functions.

A mask keeps the two ends, by which one tells two people apart who stand side by side, and is
always shorter than what it hides; what is too short for that is hidden wholly.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

HIDDEN = "…"
SHORTEST = 4  # letters: of fewer, the two ends would be nearly all
LAST_DIGITS = 3
FEWEST_DIGITS = 7  # of a phone number; a shorter one is none, or hidden wholly
JOINER = "\N{ZERO WIDTH JOINER}"

# Inside other text. Bounded, so that no text costs more than its length.
EMAIL = re.compile(r"[^\s@<>()\[\],;:\"]{1,64}@[^\s@<>()\[\],;:\"]{1,255}")
PHONE = re.compile(r"\+?[0-9](?:[ \t\u00a0()./-]{0,3}[0-9]){6,20}")


def masked_email(text: str) -> str:
    """Return an e-mail with the ends of its name and domain: `l…d@e…e.com`."""
    name, _at, domain = text.rpartition("@")
    server, dot, country = domain.rpartition(".")
    return f"{_ends(name)}@{_ends(server)}{dot}{country}" if server else f"{_ends(name)}@{HIDDEN}"


def masked_phone(text: str) -> str:
    """Return a number with its country and its last three digits: `+44 …123`."""
    digits = "".join(char for char in text if char.isdecimal())
    if len(digits) < FEWEST_DIGITS:
        return HIDDEN
    country = _country_code(digits) if text.lstrip().startswith("+") else ""
    return f"{country}{HIDDEN}{digits[-LAST_DIGITS:]}"


def masked_external_id(text: str) -> str:
    """Return the ends of an id; one that is an e-mail or a phone number looks as that does.

    Hidden too where it looks like neither: it finds the person in the system that it comes from.
    """
    if EMAIL.fullmatch(text):
        return masked_email(text)
    if text.startswith("+") and PHONE.fullmatch(text):
        return masked_phone(text)
    return _ends(text)


def masked_name(text: str) -> str:
    """Return a name as it is, but for e-mails and phone numbers in it."""
    without = EMAIL.sub(lambda found: masked_email(found[0]), text)
    return PHONE.sub(lambda found: masked_phone(found[0]), without)


def masked_message(text: str) -> str:
    """Return no word of a message, only a sign that there is one."""
    return HIDDEN if text else ""


MASKS: Mapping[str, Callable[[str], str]] = {
    "external_id": masked_external_id,
    "email": masked_email,
    "phone": masked_phone,
}


def _ends(text: str) -> str:
    letters = _letters(text)
    return f"{letters[0]}{HIDDEN}{letters[-1]}" if len(letters) >= SHORTEST else HIDDEN


def _letters(text: str) -> list[str]:
    """Return what a reader takes for letters: with their accents, and joined emoji as one."""
    letters: list[str] = []
    for char in text:
        joins = unicodedata.category(char).startswith("M") or JOINER in (char, _end(letters))
        if joins and letters:
            letters[-1] += char
        else:
            letters.append(char)
    return letters


def _end(letters: list[str]) -> str:
    return letters[-1][-1] if letters else ""


def _country_code(digits: str) -> str:
    for length in (1, 2, 3):
        if int(digits[:length]) in COUNTRY_CODE_TO_REGION_CODE:
            return f"+{digits[:length]} "
    return "+"
