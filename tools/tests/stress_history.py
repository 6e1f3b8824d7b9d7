"""A small healthy history, made through the services, and the answers that clients would keep."""

from dataclasses import dataclass, field

from distribution.models import Operator, OperatorSourceWeight, Source
from distribution.services import add_weight, create_operator, create_source, update_operator
from leads.models import Contact
from leads.services import (
    ContactRequest,
    close_contact,
    reassign_contact,
    register_contact,
    reopen_contact,
    requeue_contact,
)
from leads.services.registration import Once
from tools.stress.inspector import final

ACTOR = "test"


@dataclass
class History:
    """What is stored, and what was answered."""

    source: Source
    operators: list[Operator]
    records: list[dict] = field(default_factory=list)
    ceilings: dict[int, int] = field(default_factory=dict)

    def contact(self, name: str) -> Contact:
        return Contact.objects.get(message=name)

    def keep(self, kind: str, name: str, status: int | None = 200, **members) -> dict:
        tally = {str(status): 1}
        base = {"kind": kind, "name": name, "status": status, "code": "", "replayed": False}
        self.records.append(base | {"ms": 1.0, "tally": tally} | members)
        return self.records[-1]

    def post(self, name: str, source: Source, kind: str = "post", **members) -> None:
        # Two contacts of each person: one may go without leaving a lead with none.
        person = f"person-{name[-1]}"
        request = ContactRequest(source_id=source.pk, external_id=person, message=name)
        done = register_contact(request, actor=ACTOR, once=Once(scope="test", key=name))
        record = self.keep(kind, name, 201, sent={"external_id": person}, got=done.receipt)
        record |= {"replayed": done.replayed} | members

    def move(self, kind: str, name: str, service, **arguments) -> None:
        contact = self.contact(name)
        moved = service(contact.pk, actor=ACTOR, reason="a reason", **arguments)
        got = {"changed": moved.changed}
        self.keep(kind, f"{kind}-{name}", contact=contact.pk, got=got)

    def change(self, operator: Operator, **changes) -> None:
        now = update_operator(operator.pk, actor=ACTOR, **changes)
        got = {"name": now.name, "is_active": now.is_active, "max_load": now.max_load}
        self.keep("limit", "", path=f"/operators/{operator.pk}", got=got)

    def checked(self) -> dict[str, int]:
        """Return how many violations each check finds."""
        posts = {record["name"] for record in self.records if record["kind"] == "post"}
        findings = final(self.ceilings, self.records, contacts=len(posts))["findings"]
        return {one["check"]: one["violations"] for one in findings}

    def violated(self) -> dict[str, int]:
        """Return the same of those that find any."""
        return {check: count for check, count in self.checked().items() if count}


def healthy_history() -> History:
    """Return a history with every kind of move, a queue, an idle operator, and no violation."""
    source = create_source(name="Busy", actor=ACTOR)
    operators = [create_operator(name=f"Operator {n}", max_load=2, actor=ACTOR) for n in range(3)]
    for operator in operators[:2]:
        add_weight(operator_id=operator.pk, source_id=source.pk, weight=1, actor=ACTOR)
    history = History(source, operators)
    history.ceilings = {operator.pk: 4 for operator in operators}
    unserved = create_source(name="Nobody's", actor=ACTOR)
    for name in ("a1", "b2", "c1", "d2", "e1", "f2"):
        history.post(name, source)  # four get operators, two wait
    history.post("g1", unserved)
    history.move("close", "a1", close_contact)
    history.move("close", "a1", close_contact)
    history.move("requeue", "b2", requeue_contact)
    history.move("reopen", "a1", reopen_contact)
    history.move("reassign", "c1", reassign_contact, operator_id=operators[2].pk)
    history.change(operators[0], max_load=4)
    for _ in range(3):
        history.post("equal-1", unserved, kind="equal")
    history.post("race-1", source, kind="race", race="race")
    return history


def serve_the_unserved(history: History) -> OperatorSourceWeight:
    """Let the idle operator serve the source that nobody serves, behind the services' back."""
    source = Source.objects.get(name="Nobody's")
    return OperatorSourceWeight.objects.create(
        operator=history.operators[2], source=source, weight=1
    )
