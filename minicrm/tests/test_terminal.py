"""What commands write on a terminal."""

import io

import pytest
from django.core.management.base import OutputWrapper

from minicrm import terminal
from minicrm.terminal import Progress, duration, table_lines


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    return now


def test_figures_stand_to_the_right_and_words_to_the_left():
    lines = table_lines(("who", "n", "share"), [("Ann", 5, "7.5 %"), ("Bo", 120, "92.5 %")])
    assert lines == [
        "who    n   share",
        "Ann    5   7.5 %",
        "Bo   120  92.5 %",
    ]


def test_table_without_rows_is_its_header():
    assert table_lines(("who", "n"), []) == ["who  n"]


def test_pipe_gets_a_line_now_and_then(clock):
    out = io.StringIO()
    progress = Progress(total=1000, noun="rows", out=OutputWrapper(out))
    for _ in range(12):
        clock[0] += 1
        progress.update(count=50, done=250)
    progress.end()
    assert out.getvalue() == (
        "50 rows, 25 %, 10 per second, 15 s left\n50 rows, 25 %, 5 per second, 30 s left\n"
    )


def test_terminal_gets_one_changing_line_that_goes_away(clock):
    out = Screen()
    progress = Progress(total=100, noun="rows", out=OutputWrapper(out))
    clock[0] += 10
    progress.update(count=5, done=50)
    progress.update(count=6, done=60)  # too soon
    progress.end()
    line = "5 rows, 50 %, 0 per second, 10 s left"
    assert out.getvalue() == f"\r{line}\r{' ' * len(line)}\r"


def test_unknown_total_promises_nothing(clock):
    out = io.StringIO()
    progress = Progress(total=0, noun="rows", out=OutputWrapper(out))
    clock[0] += 10
    progress.update(count=20, done=77)
    assert out.getvalue() == "20 rows, 2 per second\n"


def test_silence(clock):
    progress = Progress(total=10, noun="rows", out=None)
    clock[0] += 10
    progress.update(count=5, done=5)
    progress.end()
    assert progress.seconds() == 10


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min 0 s"), (42, "42 s"), (185, "3 min 5 s"), (4805, "1 h 20 min")],
)
def test_lengths_of_time(seconds, words):
    assert duration(seconds) == words
