"""The plan of a run: the seed decides it, and it does what the checks rely on."""

from collections import Counter
from itertools import chain

import pytest

from tools.stress.plan import Change, Move, Post, Size, disasters_of, operators_of, steps_of

pytestmark = pytest.mark.any_database

SIZE = Size(seed=3, contacts=3_000, clients=7, kills=20, restarts=3)


def all_steps(size=SIZE):
    return [list(steps_of(client, size)) for client in range(size.clients)]


def of_kind(kind, size=SIZE):
    return [step for step in chain(*all_steps(size)) if isinstance(step, kind)]


def test_the_seed_decides_everything():
    other = Size(seed=4, contacts=3_000, clients=7, kills=20, restarts=3)
    assert all_steps() == all_steps()
    assert disasters_of(SIZE) == disasters_of(SIZE)
    assert operators_of(3) == operators_of(3)
    assert all_steps() != all_steps(other)
    assert disasters_of(SIZE) != disasters_of(other)
    assert operators_of(3) != operators_of(4)


def test_each_contact_is_posted_once_and_each_request_has_a_key_of_its_own():
    posts, moves = of_kind(Post), of_kind(Move)
    assert len(posts) == SIZE.contacts
    names = Counter(step.name for step in posts + moves)
    assert names.total() == len(names)


def test_only_those_given_contacts_by_hand_go_over_their_limit():
    operators = operators_of(SIZE.seed)
    over = {operators[move.operator].kind for move in of_kind(Move) if move.over_limit}
    within = {operators[move.operator].kind for move in of_kind(Move) if not move.over_limit}
    assert over == {"by_hand"}
    assert within == {"steady", "varying"}


def test_limits_vary_below_the_ceiling_and_only_where_planned():
    operators = operators_of(SIZE.seed)
    limits = [change for change in of_kind(Change) if change.kind == "limit"]
    assert limits
    assert {operators[change.target].kind for change in limits} == {"varying"}
    assert all(0 <= change.value <= operators[change.target].ceiling for change in limits)
    assert all(operator.limit <= operator.ceiling for operator in operators)


def test_each_change_differs_from_what_was_there():
    present = {("source", n): True for n in range(5)}
    for number, operator in enumerate(operators_of(SIZE.seed)):
        present |= {("active", number): True, ("limit", number): operator.limit}
        present |= {("weight", number, source): w for source, w in operator.weights.items()}
    for change in chain(*all_steps()):  # each setting is one client's alone
        if not isinstance(change, Change):
            continue
        if change.kind in ("switch_on", "switch_off"):
            setting, value = ("active", change.target), change.kind == "switch_on"
        elif change.kind == "weight":
            setting, value = ("weight", change.target, change.source), change.value
        else:
            setting, value = (change.kind, change.target), change.value
        assert present[setting] != value, change
        present[setting] = value


def test_every_kind_of_step_is_there():
    changes = Counter((change.kind, change.value) for change in of_kind(Change))
    for choice in ("keep", "requeue", "redistribute"):
        assert changes["switch_off", choice]
    assert {kind for kind, _ in changes} == {"switch_off", "switch_on", "limit", "weight", "source"}
    assert {move.kind for move in of_kind(Move)} == {"close", "requeue", "reassign", "reopen"}


def test_disasters_are_spread_over_the_run():
    disasters = disasters_of(SIZE)
    assert Counter(what for _, what in disasters) == {"kill": 20, "restart": 3}
    for what, count in (("kill", 20), ("restart", 3)):
        times = [time for time, one in disasters if one == what]
        assert [int((time - 0.05) / 0.9 * count) for time in times] == list(range(count))
