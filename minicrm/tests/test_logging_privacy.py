"""What the log says of exceptions and people."""

import json
import logging
import sqlite3
import sys
import time

import django.db
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicrm.logging_privacy import (
    WITHHELD,
    PrivateFormatter,
    harmless_text,
    private_traceback,
    without_keys,
)
from minicrm.logs import JsonFormatter, PlainFormatter

pytestmark = pytest.mark.any_database

EMAIL = "lead@example.com"
QUOTED = f"Demo wren, {EMAIL}"
DETAIL = (
    f'duplicate key value violates unique constraint "k"\nDETAIL:  Key (email)=({EMAIL}) exists.'
)


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError(EMAIL), WITHHELD),
        (KeyError("Demo"), WITHHELD),
        (ValueError(), ""),
        (AttributeError("no attribute 'x'"), "no attribute 'x'"),
        (FileNotFoundError(2, "No such file", f"/home/{EMAIL}"), "[Errno 2] No such file"),
        (django.db.IntegrityError(DETAIL), DETAIL.partition("\n")[0]),
        (psycopg.IntegrityError(DETAIL), DETAIL.partition("\n")[0]),
        (psycopg.errors.UniqueViolation(DETAIL), f"[23505] {DETAIL.partition(chr(10))[0]}"),
        (sqlite3.OperationalError("database is locked"), "database is locked"),
        (django.db.OperationalError(), ""),
        (
            caused(
                django.db.DataError(f'invalid: "{EMAIL}"'), psycopg.errors.InvalidDatetimeFormat()
            ),
            f"[22007] {WITHHELD}",
        ),
        (psycopg.ProgrammingError(f"LINE 1: '{EMAIL}'"), WITHHELD),
    ],
)
def test_tells_of_an_exception_what_is_harmless(error, told):
    assert harmless_text(error) == told


def raised():
    """Return an exception that came from others, as it was caught."""
    try:
        try:
            try:
                raise KeyError(QUOTED)
            except KeyError as error:
                raise psycopg.IntegrityError(DETAIL) from error
        except psycopg.IntegrityError:
            raise RuntimeError(QUOTED)  # noqa: B904
    except RuntimeError as error:
        return error


def test_a_traceback_has_all_stacks_and_no_text():
    text = private_traceback(raised())

    assert EMAIL not in text
    assert text.count("in raised\n") == 3
    order = [
        "KeyError: (",
        "direct cause",
        "psycopg.IntegrityError: dup",
        "During",
        "RuntimeError: (",
    ]
    assert [text.index(one) for one in order] == sorted(text.index(one) for one in order)


def test_a_circle_of_causes_ends():
    one, other = ValueError("a"), ValueError("b")
    one.__cause__, other.__cause__ = other, one

    assert private_traceback(one).count("ValueError") == 2


def test_what_was_not_to_be_told_with_it_is_not():
    error = raised()
    error.__suppress_context__ = True

    assert "KeyError" not in private_traceback(error)


def record(message, *args, error=None, name="demo"):
    found = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, found)


@pytest.mark.parametrize("formatter", [PrivateFormatter(), PlainFormatter(), JsonFormatter()])
def test_no_format_tells_an_exceptions_text(formatter):
    error = raised()
    records = [
        record("failed", error=error),
        record("failed: %s", error),
        record("failed: %(why)s", {"why": error}),
        record(error),
        record("%s: %s", QUOTED, "/leads/", error=ValueError(QUOTED)),
        record("%s", f"/x.py:7: UserWarning: about {QUOTED}\n  code", name="py.warnings"),
    ]
    for one in records:
        before = dict(vars(one))
        text = formatter.format(one)
        assert EMAIL not in text
        assert "wren" not in text
        assert WITHHELD in text
        assert {**vars(one), "message": None} == {**before, "message": None}


def test_a_traceback_that_another_format_has_left_is_not_used():
    one = record("failed", error=ValueError(EMAIL))
    one.exc_text = f"ValueError: {EMAIL}"

    assert EMAIL not in PrivateFormatter().format(one)
    assert one.exc_text == f"ValueError: {EMAIL}"


def test_with_debug_exceptions_say_all_but_keys(settings):
    settings.DEBUG = True

    text = PrivateFormatter().format(record("failed", error=ValueError(QUOTED)))

    assert "ValueError: Demo wren, [e-mail]" in text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"for {EMAIL}.", "for [e-mail]"),
        ("/leads/?q=lead%40example.com&x=1", "/leads/?q=[e-mail]&x=1"),
        ("call +442079460123, or %2B442079460123", "call [phone], or [phone]"),
        ('{"email": "lead@example.com"}', '{"email": "[e-mail]"}'),
        ("2030-01-02T03:04:05.678+00:00 INFO demo", "2030-01-02T03:04:05.678+00:00 INFO demo"),
        ("@retried and 1234567890123", "@retried and 1234567890123"),
    ],
)
def test_takes_out_what_looks_like_an_e_mail_or_a_phone(text, told):
    assert without_keys(text) == told


@given(st.text(max_size=100))
def test_a_json_line_stays_json(text):
    line = JsonFormatter().format(record("said: %s", f"{text} {EMAIL} +442079460123"))

    assert EMAIL not in line
    assert json.loads(line)["message"].startswith("said: ")


@pytest.mark.parametrize("text", ["a" * 100_000, "@" * 100_000, "a@" * 50_000, "+1" * 50_000])
def test_long_lines_cost_little(text):
    begun = time.process_time()
    without_keys(text)

    assert time.process_time() - begun < 2


def test_a_deep_recursion_is_told_in_short():
    def recurse():
        recurse()

    try:
        recurse()
    except RecursionError as error:
        text = private_traceback(error)

    assert "RecursionError" in text
    assert len(text) < 5_000 < sys.getrecursionlimit() * 100
