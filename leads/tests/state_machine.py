"""A state machine that makes moves and changes settings at random, for real and in the model.

After each step the database must be what the model says, and so must everything that others could
see meanwhile. Each history begins with an empty database and leaves one: it is rolled back.
"""

from functools import partial
from itertools import pairwise
from random import Random

import pytest
from django.db import transaction
from django.db.models import ProtectedError
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import distribution.services as settings_services
import leads.services as services
from distribution import selection
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.services import ContactRequest, switching, waiting
from leads.tests.factories import LeadFactory, WaitingContactFactory
from leads.tests.model import Model
from leads.tests.model_world import Refused
from leads.tests.random_calls import MOVES, SETTINGS, weights
from leads.tests.seen import Seen, assert_explained, told, watched_commits
from minicrm.errors import ServiceError

# How many contacts one transaction assigns, and how many one statement, or one step of switching
# off, moves. Tiny ones, so that a change takes several transactions; the last are the real ones.
SIZES = [(2, 1), (2, 2), (3, 2), (3, 3), (waiting.AT_ONCE, waiting.BATCH)]
SWEEP_EVERY = 15  # steps
MOST_OPERATORS = 5


class Machine(RuleBasedStateMachine):
    """One history. `break_it(patch)` plants a fault, for those who test this test."""

    break_it = None

    def __init__(self):
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.steps, self.swept, self.sound, self.last = 0, 0, False, None

    def teardown(self):
        try:
            if self.sound:
                self.sweep()
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)
            self.patch.undo()

    @initialize(
        sizes=st.sampled_from(SIZES),
        seed=st.integers(0, 2**16),
        limits=st.lists(st.integers(0, 5), min_size=2, max_size=3),
        weights=st.lists(weights, min_size=6, max_size=6),
        queue=st.lists(st.integers(0, 1), min_size=4, max_size=12),
    )
    def start(self, sizes, seed, limits, weights, queue):
        """Two sources, contacts that wait, and a few operators who come to work."""
        at_once, batch = sizes
        self.patch.setattr(waiting, "AT_ONCE", at_once)
        self.patch.setattr(waiting, "BATCH", batch)
        self.patch.setattr(switching, "BATCH", batch)
        pick, rng = selection.pick, Random(seed)
        self.patch.setattr(selection, "pick", lambda candidates, _: pick(candidates, rng))
        people = OperatorFactory.create_batch(len(limits), is_active=False)
        sources = SourceFactory(), SourceFactory(is_active=False)
        sets = [{person.pk: weights.pop() for person in people} for _ in sources]
        for source, weight_of in zip(sources, sets, strict=True):
            for person in people[: -1 if source == sources[0] else None]:
                WeightFactory(source=source, operator=person, weight=weight_of[person.pk])
        lead = LeadFactory()
        for number in queue:
            WaitingContactFactory(source=sources[number], lead=lead)
        self.seen = Seen()
        self.model = Model(at_once=at_once, batch=batch)
        self.model.adopt(self.seen)
        if self.break_it:
            type(self).break_it(self.patch)  # as a function, not as a method of this machine
        for person, limit in zip(people, limits, strict=True):
            self.change("update_operator", person.pk, is_active=True, max_load=limit)
        self.change("update_source", sources[1].pk, is_active=True)
        self.change("replace_weights", sources[0].pk, sets[0])

    # One rule for all: of several, Hypothesis leaves out about half in each history, and here are
    # too few histories for that.
    @rule(do=st.one_of(MOVES + SETTINGS))
    def step(self, do):
        name, args, ask = do
        if hasattr(self, name):
            getattr(self, name)(*args, **ask)
        elif hasattr(services, name):
            self.move(name, *args, **ask)
        else:
            self.change(name, *args, **ask)

    def register(self, source, count):
        request = ContactRequest(source_id=source, external_id=f"person-{self.steps % 3}")
        service = partial(services.register_contact, request)
        for _ in range(count):
            self.act(service, partial(self.model.register_contact, source))

    def move(self, name, *args, **ask):
        if ask.get("version") is not None:
            ask["version"] += self.model.contacts[args[0]].version
        self.last = getattr(services, name), getattr(self.model, name), args, ask
        self.act(*self.last[:2], *args, **ask)

    def repeat(self):
        """The last move's request once more, with the version that it had."""
        if self.last:
            service, planned, args, ask = self.last
            self.act(service, planned, *args, **ask)

    def change(self, setting, *args, **ask):
        service, planned = getattr(settings_services, setting), getattr(self.model, setting)
        self.act(service, planned, *args, **ask)

    def create_operator(self, **facts):
        if len(self.model.operators) < MOST_OPERATORS:
            self.change("create_operator", **facts)

    def delete_operator(self, pk):
        if len(self.model.operators) > 1:
            self.change("delete_operator", pk)

    def delete_source(self, pk):
        if len(self.model.sources) > 1:
            self.change("delete_source", pk)

    def open_up(self, operator, more):
        """Places for many at once."""
        limit = self.model.operators[operator].max_load + more
        self.change("update_operator", operator, is_active=True, max_load=limit)

    def update_weight(self, pair, **ask):
        if pair:
            service = partial(settings_services.update_weight, self.model.weight_ids[pair])
            self.act(service, partial(self.model.update_weight, pair), **ask)

    def remove_weight(self, pair):
        if pair:
            service = partial(settings_services.remove_weight, self.model.weight_ids[pair])
            self.act(service, partial(self.model.remove_weight, pair))

    def replace_weights(self, source, weights):
        chosen = zip(self.ids("operators"), weights, strict=False)
        after = {operator: weight for operator, weight in chosen if weight is not None}
        self.change("replace_weights", source, after)

    def sweep(self):
        """The safety net finds nothing to do, and no counter to repair."""
        self.swept = self.steps
        self.act(services.assign_waiting, self.model.assign_waiting)
        assert list(services.check_loads(repair=False, actor="test")) == []

    # ----------------------------------------------------------------------------------------

    def ids(self, kind):
        return sorted(getattr(self.model, kind))

    def contacts(self, status):
        found = [pk for pk, each in self.model.contacts.items() if each.status == status]
        return sorted(found) * 3 + self.ids("contacts")

    def act(self, service, planned, *args, **ask):
        """Do it for real, then in the model: the same answer or refusal, and the same world."""
        self.steps += 1
        self.sound, actor, before = False, f"user:{self.steps}", self.seen
        with watched_commits() as commits:
            answer = answer_of(partial(service, *args, actor=actor, **ask))
        self.seen = Seen(before)
        self.model.begin(self.seen, actor)
        try:
            expected = planned(*args, **ask)
        except Refused as refusal:
            expected = refusal.code, refusal.present
        assert_same("answer", answer, expected)
        shown = [before.visible, *commits, self.seen.visible]
        assert_shown(changes(shown), changes([*self.model.shown, self.model.visible()]))
        assert_same("audit", self.seen.events, self.model.events)
        self.compare_timelines()
        self.seen.assert_consistent(before)
        self.sound = True
        if self.steps >= self.swept + SWEEP_EVERY:
            self.sweep()

    def compare_timelines(self):
        """Period by period, and why, where the period is new."""
        for pk, contact in self.model.contacts.items():
            real = self.seen.timelines[pk]
            planned = [period.facts() for period in contact.periods]
            assert_same("timeline", [tuple(facts) for _, *facts in real], planned)
            for (period, *_), expected in zip(real, contact.periods, strict=True):
                if period in self.seen.decisions:
                    assert_explained(self.seen.decisions[period], expected.decision)


def answer_of(service):
    """What a service answers, or how it refuses."""
    try:
        return told(service())
    except ServiceError as error:
        return error.code, error.present
    except ProtectedError:
        return "protected", None


def changes(shown):
    """The states that differ from the one before."""
    return [shown[0], *(after for before, after in pairwise(shown) if after != before)]


def assert_shown(real, planned):
    """State by state, what others could see."""
    for number, (one, other) in enumerate(zip(real, planned, strict=False)):
        for kind in one:
            shown, expected = one[kind].items(), other[kind].items()
            difference = f"the database shows {shown - expected}, the model {expected - shown}"
            assert shown == expected, f"state {number}, {kind}: {difference}"
    assert len(real) == len(planned), f"{len(real)} states were shown, planned {len(planned)}"


def assert_same(what, real, planned):
    assert real == planned, f"{what}: the database says {real}, the model {planned}"
