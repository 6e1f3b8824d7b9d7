"""What commands write on a terminal: tables, and how far a long piece of work has come."""

import re
import time
from collections.abc import Iterable, Sequence

from django.core.management.base import OutputWrapper

# A number, with a sign or a per cent sign.
FIGURE = re.compile(r"[+-]?[0-9]+([.][0-9]+)?( %)?")
TERMINAL_STEP_SECONDS = 0.2
PIPE_STEP_SECONDS = 5.0


def table_lines(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a table; columns that hold only figures are aligned to the right."""
    body = [[str(value) for value in row] for row in rows]
    texts = [list(headers), *body]
    numeric = [all(FIGURE.fullmatch(line[i]) for line in body) for i in range(len(headers))]
    widths = [max(len(line[i]) for line in texts) for i in range(len(headers))]
    return [
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in texts
    ]


class Progress:
    """Tells how far work has come: a changing line on a terminal, a line now and then in a pipe.

    `total` is the amount of work, in any unit; 0 when it is not known.
    """

    def __init__(self, *, total: int, noun: str, out: OutputWrapper | None) -> None:
        """Start the clock. `out` None keeps silent; `noun` is what is counted, in the plural."""
        self._total = total
        self._noun = noun
        self._out = out
        self._on_terminal = out is not None and out.isatty()
        self._step = TERMINAL_STEP_SECONDS if self._on_terminal else PIPE_STEP_SECONDS
        self._started = self._shown = time.monotonic()
        self._width = 0

    def update(self, *, count: int, done: int) -> None:
        """Show `count` items and `done` of `total`, if the last line is old enough."""
        if self._out is None:
            return
        now = time.monotonic()
        if now - self._shown >= self._step:
            self._shown = now
            self._show(self._line(count, done, now - self._started))

    def seconds(self) -> float:
        """Return the time since the start."""
        return time.monotonic() - self._started

    def end(self) -> None:
        """Clear the changing line, so that what follows stands on lines of its own."""
        if self._width:
            self._write("\r" + " " * self._width + "\r")
            self._width = 0

    def _line(self, count: int, done: int, seconds: float) -> str:
        parts = [f"{count} {self._noun}"]
        if self._total:
            parts.append(f"{min(100, 100 * done // self._total)} %")
        parts.append(f"{count / seconds:.0f} per second")
        if 0 < done <= self._total:
            parts.append(f"{duration(seconds * (self._total - done) / done)} left")
        return ", ".join(parts)

    def _show(self, line: str) -> None:
        if self._on_terminal:
            self._write("\r" + line.ljust(self._width))
            self._width = max(self._width, len(line))
        else:
            self._write(line + "\n")

    def _write(self, text: str) -> None:
        if self._out is not None:
            self._out.write(text, style_func=str, ending="")  # as it is: not red, no line break
            self._out.flush()


def duration(seconds: float) -> str:
    """Return a length of time such as 42 s, 3 min 5 s or 1 h 20 min."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
