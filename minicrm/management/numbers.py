"""Numbers on the command line."""

from argparse import ArgumentTypeError


def whole(text: str) -> int:
    """Return a whole number from 0 up."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ArgumentTypeError(f"must be a whole number, it is {text!r}")
    return int(text)


def positive(text: str) -> int:
    """Return a whole number from 1 up."""
    number = whole(text)
    if number < 1:
        raise ArgumentTypeError("must be at least 1")
    return number
