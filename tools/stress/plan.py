"""What is done in a run, by whom and in which order: decided by the seed alone, timing apart."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Literal

OperatorKind = Literal["steady", "varying", "by_hand", "ample"]
MoveKind = Literal["close", "requeue", "reassign", "reopen"]
ChangeKind = Literal["switch_off", "switch_on", "limit", "weight", "source"]

BUSY_SOURCES = 3  # share few places: their contacts often wait
AMPLE_SOURCES = 2  # their operators have room for everything
SOURCES = BUSY_SOURCES + AMPLE_SOURCES
NO_LIMIT = 1_000_000
OPEN_CHOICES = ("keep", "requeue", "redistribute")
# Operators with room for everything have thousands of contacts: they seldom give them away.
AMPLE_OPEN_CHOICES = ("keep",) * 8 + OPEN_CHOICES[1:]

# How many of each a client does per contact that it posts.
MOVES: dict[MoveKind, float] = {"close": 0.5, "requeue": 0.05, "reassign": 0.08, "reopen": 0.04}
CHANGES = 0.05
LOOKS = 0.03
# Posts to the busy sources come in waves, so that there are queues at times and places at others.
WAVE = 150
BUSY_SHARE = (0.5, 0.05)


@dataclass(frozen=True, slots=True)
class OperatorPlan:
    """An operator of the stage. `ceiling` is the highest limit that they ever have."""

    kind: OperatorKind
    limit: int
    ceiling: int
    weights: dict[int, int]  # source number -> weight


@dataclass(frozen=True, slots=True)
class Post:
    """A new contact; `name` is its Idempotency-Key and its message."""

    name: str
    source: int
    person: int


@dataclass(frozen=True, slots=True)
class Move:
    """A move of some contact that the client knows, `pick` (0..1) of those that suit."""

    name: str
    kind: MoveKind
    pick: float
    operator: int
    over_limit: bool
    with_version: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an operator, of one of their weights, or of a source (`target`)."""

    name: str
    kind: ChangeKind
    target: int
    source: int = 0
    value: int | str | bool = 0


@dataclass(frozen=True, slots=True)
class Look:
    """A look at the assigned contacts of a source, to move some that other clients posted."""

    source: int


Step = Post | Move | Change | Look


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done, and by how many."""

    seed: int
    contacts: int
    clients: int
    kills: int
    restarts: int


def operators_of(seed: int) -> list[OperatorPlan]:
    """Return the operators of the stage.

    Only those of kind `by_hand` are ever given contacts over their limit, and only those of kind
    `varying` have their limit changed, so a load above the ceiling of any other is a violation.
    """
    rng = Random(f"{seed}/operators")  # noqa: S311
    operators = []
    for number in range(14):
        kind: OperatorKind = "steady" if number < 6 else "varying" if number < 12 else "by_hand"
        limit = rng.randint(3, 12) if kind != "by_hand" else 3
        ceiling = 12 if kind == "varying" else limit
        mine = rng.sample(range(BUSY_SOURCES), 2)
        weights = {source: rng.randint(1, 10) for source in sorted(mine)}
        operators.append(OperatorPlan(kind, limit, ceiling, weights))
    for _ in range(8):
        sources = range(BUSY_SOURCES, SOURCES)
        weights = {source: rng.randint(1, 10) for source in sources}
        operators.append(OperatorPlan("ample", NO_LIMIT, NO_LIMIT, weights))
    return operators


def steps_of(client: int, size: Size) -> Iterator[Step]:
    """Return all that one client does, in order."""
    rng = Random(f"{size.seed}/client {client}")  # noqa: S311
    changes = _Changes(client, size, rng)
    posts = range(client, size.contacts, size.clients)
    for count, number in enumerate(posts):
        busy = rng.random() < BUSY_SHARE[count // WAVE % len(BUSY_SHARE)]
        sources = range(BUSY_SOURCES) if busy else range(BUSY_SOURCES, SOURCES)
        person = rng.randrange(max(1, size.contacts // 3))
        yield Post(f"{size.seed}-{number}", rng.choice(sources), person)
        for kind, chance in MOVES.items():
            if rng.random() < chance:
                yield _move(f"{size.seed}-{number}-{kind}", kind, rng)
        if rng.random() < LOOKS:
            yield Look(rng.randrange(BUSY_SOURCES))
        if rng.random() < CHANGES:
            yield from changes.next(f"{size.seed}-{number}-change")


def _move(name: str, kind: MoveKind, rng: Random) -> Move:
    by_hand = rng.random() < 0.4
    operator = rng.choice((12, 13)) if by_hand else rng.randrange(12)
    with_version = rng.random() < 0.35
    return Move(name, kind, rng.random(), operator, by_hand, with_version)


@dataclass
class _Changes:
    """The settings that one client alone changes, as they will be after the steps so far.

    Each change differs from what was there, so each that is acknowledged has left its mark.
    """

    client: int
    size: Size
    rng: Random
    off: set[int] = field(default_factory=set)
    limits: dict[int, int] = field(default_factory=dict)
    weights: dict[tuple[int, int], int] = field(default_factory=dict)
    sources_off: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._operators = operators_of(self.size.seed)
        mine = range(self.client, len(self._operators), self.size.clients)
        self._mine = [number for number in mine if self._operators[number].kind != "by_hand"]
        self._sources = list(range(self.client, SOURCES, self.size.clients))
        for number in self._mine:
            operator = self._operators[number]
            self.limits[number] = operator.limit
            self.weights |= {(number, source): w for source, w in operator.weights.items()}

    def next(self, name: str) -> Iterator[Change]:
        """Return the next change, nothing for a client that has nothing to change."""
        rng = self.rng
        if self._sources and (self.sources_off or rng.random() < 0.1):
            yield self._toggle_source(name)
        elif self._mine:
            # Who is off comes back soon: else nobody would be left.
            chosen = sorted(self.off) if self.off and rng.random() < 0.6 else self._mine
            yield self._change_operator(name, rng.choice(chosen))

    def _toggle_source(self, name: str) -> Change:
        source = min(self.sources_off) if self.sources_off else self.rng.choice(self._sources)
        self.sources_off ^= {source}
        return Change(name, "source", source, value=source not in self.sources_off)

    def _change_operator(self, name: str, number: int) -> Change:
        rng = self.rng
        if number in self.off:
            self.off.remove(number)
            return Change(name, "switch_on", number)
        what = rng.random()
        if what < 0.4:
            self.off.add(number)
            ample = self._operators[number].kind == "ample"
            choice = rng.choice(AMPLE_OPEN_CHOICES if ample else OPEN_CHOICES)
            return Change(name, "switch_off", number, value=choice)
        if what < 0.75 and self._operators[number].kind == "varying":
            ceiling = self._operators[number].ceiling
            limit = self.limits[number] = _other(rng, ceiling, self.limits[number])
            return Change(name, "limit", number, value=limit)
        source = rng.choice(sorted(self._operators[number].weights))
        weight = self.weights[number, source] = _other(rng, 10, self.weights[number, source])
        return Change(name, "weight", number, source, weight)


def _other(rng: Random, most: int, present: int) -> int:
    """Return a whole number from 0 to `most` that is not the present one."""
    drawn = rng.randrange(most)
    return drawn if drawn < present else drawn + 1


def disasters_of(size: Size) -> list[tuple[float, str]]:
    """Return what is killed when: the share of contacts posted by then, and "kill" or "restart"."""
    rng = Random(f"{size.seed}/disasters")  # noqa: S311
    kills = [("kill", size.kills, n) for n in range(size.kills)]
    restarts = [("restart", size.restarts, n) for n in range(size.restarts)]
    # Not in the first and last moments: there must be load to disturb.
    spread = [
        (0.05 + 0.9 * (n + rng.uniform(0.2, 0.8)) / total, what)
        for what, total, n in kills + restarts
    ]
    return sorted(spread)
