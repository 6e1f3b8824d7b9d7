"""A process of clients: each follows its plan over one connection and keeps every answer.

Started with its job as JSON on standard input; appends one line of JSON per step to a file.
"""

import signal
import sys
import threading
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from tools.stress.answers import Answers
from tools.stress.calls import Caller
from tools.stress.children import read_job
from tools.stress.plan import BUSY_SOURCES, Change, Look, Move, Post, Size, steps_of
from tools.stress.stage import Stage

WINDOW = 40  # of the contacts known: few, so that several clients often move the same one
ODD_MOVES = 0.08  # share of moves that aim at a contact in the wrong state for them
REMEMBERED = 500
MOVE_MEMBERS = ("id", "status", "operator_id", "version", "changed")


class Known:
    """The contacts that the clients of this process know, as they were last seen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, int | None] = {}  # id -> version
        self._closed: dict[int, int | None] = {}

    def note(self, contact: Mapping[str, Any]) -> None:
        """Remember a contact's state; of too many the oldest are forgotten."""
        closed = contact["status"] == "closed"
        here, there = (self._closed, self._open) if closed else (self._open, self._closed)
        with self._lock:
            there.pop(contact["id"], None)
            here[contact["id"]] = contact.get("version")
            if len(here) > REMEMBERED:
                del here[next(iter(here))]

    def pick(self, move: Move) -> tuple[int, int | None] | None:
        """Return the id and version of the contact to move, None if there is none that suits."""
        closed = (move.kind == "reopen") != (move.pick < ODD_MOVES)
        with self._lock:
            suiting = list(islice((self._closed if closed else self._open).items(), WINDOW))
        return suiting[int(move.pick * len(suiting))] if suiting else None


class Client:
    """One client: a plan, a connection, and what it shares with the others of its process."""

    def __init__(
        self, number: int, size: Size, port: int, stage: Stage, *, known: Known, answers: Answers,
        deadline: float,
    ) -> None:  # fmt: skip
        self._steps = steps_of(number, size)
        self._stage = stage
        self._tokens = stage.tokens
        self._known = known
        self._answers = answers
        self._deadline = deadline
        self._caller = Caller(port, deadline=deadline)

    def run(self) -> None:
        """Do all steps, as long as there is time."""
        for step in self._steps:
            if time.monotonic() > self._deadline:
                return
            match step:
                case Post():
                    self._post(step)
                case Move():
                    self._move(step)
                case Change():
                    self._change(step)
                case Look():
                    self._look(step)

    def _post(self, step: Post) -> None:
        body = {
            "source_id": self._stage.sources[step.source],
            "external_id": f"stress-{step.person}",
            "message": step.name,
        }
        outcome = self._caller.call(
            "POST", "/contacts/", body, token=self._tokens["post"], key=step.name
        )
        got = outcome.body if outcome.status == 201 else None
        self._answers.keep("post", step.name, outcome, sent=body, got=got)
        if got and step.source < BUSY_SOURCES:
            self._known.note(got | {"version": 1})

    def _move(self, step: Move) -> None:
        picked = self._known.pick(step)
        if picked is None:
            return
        contact_id, version = picked
        body: dict[str, Any] = {"reason": step.name}
        if step.with_version and version is not None:
            body["version"] = version
        if step.kind == "reassign":
            body["operator_id"] = self._stage.operators[step.operator]
            body["over_limit"] = step.over_limit
        path = f"/contacts/{contact_id}/{step.kind}/"
        outcome = self._caller.call("POST", path, body, token=self._tokens["move"], key=step.name)
        got = None
        if outcome.status == 200:
            got = {name: outcome.body[name] for name in MOVE_MEMBERS}
            self._known.note(got)
        elif outcome.code == "contact_changed":
            self._known.note(outcome.body["contact"])
        self._answers.keep(step.kind, step.name, outcome, contact=contact_id, sent=body, got=got)

    def _change(self, step: Change) -> None:
        method, path, body = self._request_of(step)
        outcome = self._caller.call(method, path, body, token=self._tokens["change"])
        self._answers.keep(step.kind, step.name, outcome, path=path, sent=body, got=outcome.body)

    def _request_of(self, step: Change) -> tuple[str, str, dict[str, Any]]:
        stage = self._stage
        if step.kind == "source":
            return "PATCH", f"/sources/{stage.sources[step.target]}", {"is_active": step.value}
        if step.kind == "weight":
            weight_id = stage.weights[f"{step.target}:{step.source}"]
            return "PATCH", f"/operator-sources/{weight_id}", {"weight": step.value}
        path = f"/operators/{stage.operators[step.target]}"
        if step.kind == "switch_off":
            return "POST", f"{path}/switch-off/", {"open_contacts": step.value}
        body = {"is_active": True} if step.kind == "switch_on" else {"max_load": step.value}
        return "PATCH", path, body

    def _look(self, step: Look) -> None:
        """Get to know contacts that clients of other processes posted: the oldest assigned ones."""
        source_id = self._stage.sources[step.source]
        path = f"/contacts/?status=assigned&source_id={source_id}&limit=8"
        outcome = self._caller.call("GET", path, token=self._tokens["move"])
        self._answers.keep("look", "", outcome)
        for contact in outcome.body if outcome.status == 200 else ():
            self._known.note(contact)


def main() -> None:
    """Run the clients of the job on standard input, each in a thread."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    job = read_job()
    deadline = time.monotonic() + job["seconds"]
    answers, known = Answers(Path(job["answers"])), Known()
    size, stage = Size(**job["size"]), Stage(**job["stage"])
    threads = []
    for number in job["numbers"]:
        client = Client(
            number, size, job["port"], stage, known=known, answers=answers, deadline=deadline
        )
        threads.append(threading.Thread(target=client.run, daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
