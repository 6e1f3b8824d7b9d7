"""The world of the plain Python model: who is there, who could take what, and the queue.

No database, no locks, no counters: a load is counted, a choice is looked up. What the real thing
draws at random the model reads from the database (`seen`); it insists that whoever was drawn was
available at that very point, and goes on from there.
"""

from dataclasses import asdict, dataclass, field


class Refused(Exception):
    """The real thing must refuse this, with this code, and show this present state."""

    def __init__(self, code, present=None):
        super().__init__(code)
        self.code, self.present = code, present


@dataclass
class Operator:
    name: str
    is_active: bool
    max_load: int


@dataclass
class Source:
    name: str
    is_active: bool


@dataclass
class Period:
    """One stretch of a contact's timeline, with its decision record."""

    operator: int | None
    decision: dict
    ended_as: str = ""
    ended_by: str = ""
    end_reason: str = ""

    def facts(self):
        ended = self.ended_as, self.ended_by, self.end_reason
        return self.operator, self.decision["method"], *ended

    def end(self, *how):
        self.ended_as, self.ended_by, self.end_reason = how


@dataclass
class Contact:
    source: int
    status: str = "waiting"
    operator: int | None = None
    version: int = 1
    periods: list[Period] = field(default_factory=list)

    @property
    def last(self):
        return self.periods[-1]


class World:
    """Everything there is. `shown` collects the states that others could see, step by step."""

    def __init__(self, *, at_once, batch):
        self.at_once, self.batch = at_once, batch
        self.operators, self.sources, self.contacts = {}, {}, {}
        self.weights, self.weight_ids = {}, {}  # by source and operator
        self.events, self.shown = [], []
        self.actor, self.seen = "", None

    def adopt(self, seen):
        """Begin with what the database has; its contacts all wait."""
        for pk, (name, is_active, max_load, _) in seen.visible["operators"].items():
            self.operators[pk] = Operator(name, is_active, max_load)
        for pk, (name, is_active) in seen.visible["sources"].items():
            self.sources[pk] = Source(name, is_active)
        for pk, (*pair, weight) in seen.visible["weights"].items():
            self.weights[*pair], self.weight_ids[*pair] = weight, pk
        for pk, (source, *_) in seen.visible["contacts"].items():
            self.contacts[pk] = Contact(source)
            self.begin_period(self.contacts[pk], "queued", None)

    def begin(self, seen, actor):
        """Start a step: what the database shows after it, and in whose name it was done."""
        self.seen, self.actor = seen, actor
        self.events, self.shown = [], [self.visible()]

    # What is to be seen ---------------------------------------------------------------------

    def load(self, operator_id):
        return len(self.with_operator(operator_id))

    def with_operator(self, operator_id):
        return [
            pk
            for pk, contact in sorted(self.contacts.items())
            if contact.status == "assigned" and contact.operator == operator_id
        ]

    def visible(self):
        return {
            "operators": {
                pk: (each.name, each.is_active, each.max_load, self.load(pk))
                for pk, each in self.operators.items()
            },
            "sources": {pk: (each.name, each.is_active) for pk, each in self.sources.items()},
            "weights": {
                self.weight_ids[pair]: (*pair, weight) for pair, weight in self.weights.items()
            },
            "contacts": {
                pk: (each.source, each.status, each.operator, each.version)
                for pk, each in self.contacts.items()
            },
        }

    def show(self):
        """A transaction ends here: others see this, and no contact may wait beside a free place."""
        beside = [pk for pk in self.queue() if self.available(self.contacts[pk].source)]
        assert not beside, f"the model itself lets {beside} wait beside a free place"
        self.shown.append(self.visible())

    # The choice -----------------------------------------------------------------------------

    def choice(self, source_id):
        """Who could take a contact of the source now (weight, load, limit), and who not and why."""
        could, left_out = {}, {}
        for (source, pk), weight in self.weights.items():
            if source != source_id or not self.sources[source_id].is_active:
                continue
            operator, load = self.operators[pk], self.load(pk)
            if not operator.is_active:
                left_out[pk] = "inactive"
            elif weight == 0:
                left_out[pk] = "weight_zero"
            elif load >= operator.max_load:
                left_out[pk] = "at_limit"
            else:
                could[pk] = (weight, load, operator.max_load)
        return {"candidates": could, "left_out": left_out}

    def available(self, source_id):
        return self.choice(source_id)["candidates"]

    def begin_period(self, contact, method, operator_id, **facts):
        contact.operator = operator_id
        contact.status = "waiting" if operator_id is None else "assigned"
        decision = {"method": method, "by": self.actor, "operator_id": operator_id, **facts}
        contact.periods.append(Period(operator_id, decision))

    def draw(self, pk, method, **facts):
        """Give a contact to whoever the real thing has drawn, if that was possible."""
        contact = self.contacts[pk]
        choice = self.choice(contact.source)
        drawn = self.seen.drawn(pk, len(contact.periods))
        assert drawn in choice["candidates"], (
            f"contact {pk} ({method}) went to {drawn}, available: {choice['candidates']}"
        )
        self.begin_period(contact, method, drawn, **choice, **facts)

    # The queue ------------------------------------------------------------------------------

    def queue(self):
        return [pk for pk, each in sorted(self.contacts.items()) if each.status == "waiting"]

    def drain(self):
        """Oldest first, whoever can be taken is; (how many, whether one transaction did it all)."""
        assigned = 0
        for pk in self.queue():
            contact = self.contacts[pk]
            if not self.available(contact.source):
                continue
            if assigned == self.at_once:
                return assigned, False
            contact.last.end("assigned", self.actor, "")
            self.draw(pk, "drain")
            contact.version += 1
            assigned += 1
        return assigned, True

    def record(self, action, kind, pk, before=None, after=None):
        """Expect an audit event; a change that changes nothing makes none."""
        thing = self.operators.get(pk) if kind == "operator" else self.sources.get(pk)
        if action != "changed" or before != after:
            self.events.append((self.actor, action, kind, pk, thing.name, before, after))

    def new_id(self, kind):
        """The id of the one thing that the database has and the model does not know yet."""
        (pk,) = self.seen.visible[kind].keys() - getattr(self, kind).keys()
        return pk


def facts_of(thing):
    return asdict(thing)
