"""Lines of the log: what is in them, in both formats, and that nobody can forge any."""

import json
import logging
import sys

import pytest

from minicrm.log_lines import LINES, JsonLines, PlainLines

pytestmark = pytest.mark.any_database

FORGED = "\r\n2026-01-01T00:00:00.000Z CRITICAL root [-] forged"
NASTY = f"\x1b[31mred\x1b[0m\x00\x07\x7f\x9b5m\u2028\u202e\u2066\ufeff\ud800 {FORGED}"


def record_of(message, *args, level=logging.WARNING, exc_info=None, **extra):
    logger = logging.getLogger("leads.demo")
    record = logger.makeRecord(logger.name, level, "x.py", 1, message, args, exc_info, extra=extra)
    record.created = 1_795_338_123.4565
    return record


def caught(error):
    try:
        raise error
    except type(error):
        return sys.exc_info()


def test_plain_line():
    record = record_of("Moved %s contacts", 3, request_id="abc", source_id=7, why="no places left")
    assert PlainLines().format(record) == (
        "2026-11-22T09:02:03.456Z WARNING leads.demo [abc] Moved 3 contacts"
        ' source_id=7 why="no places left"'
    )


def test_plain_line_leaves_out_what_is_not_known_or_said_already():
    record = record_of("GET /x 200", status=200, user_id=None, route="", said=("status",))
    assert PlainLines().format(record).endswith("[-] GET /x 200")


def test_json_line():
    record = record_of("Moved %s contacts", 3, request_id="abc", source_id=7, user_id=None)
    found = json.loads(JsonLines().format(record))
    assert found.pop("process") > 0
    assert found == {
        "time": "2026-11-22T09:02:03.456Z",
        "level": "WARNING",
        "logger": "leads.demo",
        "message": "Moved 3 contacts",
        "request_id": "abc",
        "source_id": 7,
        "user_id": None,
    }


def test_json_line_outside_of_a_request():
    assert json.loads(JsonLines().format(record_of("x")))["request_id"] is None


def test_a_field_cannot_take_the_place_of_what_every_record_has():
    found = json.loads(JsonLines().format(record_of("x", time="never", logger="none")))
    assert (found["time"], found["logger"]) == ("2026-11-22T09:02:03.456Z", "leads.demo")


@pytest.mark.parametrize("name", LINES)
def test_objects_do_not_get_in(name):
    class Person:
        def __str__(self):
            return "somebody@example.com"

    line = LINES[name]().format(record_of("x", request=Person(), person=Person(), keys=["a@b.c"]))
    assert "example" not in line
    assert "a@b.c" not in line


def test_exception_is_inside_the_one_json_object():
    line = JsonLines().format(record_of("x", exc_info=caught(ValueError("first\nsecond"))))
    assert "\n" not in line
    found = json.loads(line)
    assert found["exception_class"] == "ValueError"
    assert found["exception"].startswith("Traceback (most recent call last):\n")
    assert "raise error" in found["exception"]


def test_exception_in_plain_is_set_in_from_the_margin():
    lines = PlainLines().format(record_of("x", exc_info=caught(ValueError(FORGED)))).split("\n")
    assert lines[0].endswith("[-] x")
    assert lines[1] == "    Traceback (most recent call last):"
    # The empty one is what the forger's line break left.
    assert all(line.startswith("    ") for line in lines[1:] if line)


@pytest.mark.parametrize("where", ["message", "argument", "field", "exception"])
@pytest.mark.parametrize("name", LINES)
def test_nobody_can_forge_a_line_or_colour_a_terminal(name, where):
    record = {
        "message": lambda: record_of(NASTY),
        "argument": lambda: record_of("%s", NASTY),
        "field": lambda: record_of("x", agent=NASTY),
        "exception": lambda: record_of("x", exc_info=caught(ValueError(NASTY))),
    }[where]()
    text = LINES[name]().format(record)
    if name == "json":
        found = json.loads(text)  # what a program prints of it is as harmless as the line
        assert len(text.splitlines()) == 1
        text = "\n".join(str(value) for value in found.values())
    assert not any(line.startswith("2026-01-01") for line in text.splitlines())
    seen = text.replace("\n", "")
    assert seen.isprintable(), [c for c in seen if not c.isprintable()]
    assert "\\x1b[31mred" in text


@pytest.mark.parametrize("name", LINES)
def test_letters_of_all_languages_stay_as_they_are(name):
    assert "Обращение «x»" in LINES[name]().format(record_of("Обращение «x»"))
