"""Types of arguments that several commands have."""

from argparse import ArgumentTypeError

from minicrm.schemas import MAX_ID


def object_id(text: str) -> int:
    """Return the id of an object; more than the database can number is refused here."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= MAX_ID):
        raise ArgumentTypeError(f"must be a whole number from 1 to {MAX_ID}; it is {text[:40]!r}")
    return int(text)
