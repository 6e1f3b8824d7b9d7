"""The moves that two connections make at once in the small worlds.

Each has its target on one of two sides, so that two moves may have the same contact or operator as
their target, or different ones; and a role, so that two arrivals can be told apart.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from distribution.services import replace_weights, update_operator, update_source, update_weight
from leads.services import (
    ContactRequest,
    assign_waiting,
    close_contact,
    reassign_contact,
    register_contact,
    reopen_contact,
    requeue_contact,
    switch_operator_off,
    take_next_contact,
)
from leads.tests.small_worlds import World

Job = Callable[[], Any]
Move = Callable[[World, int, str], Job]


def _contact(world: World, side: int) -> int:
    return world.contacts[("one", "two")[side]]


def _operator(world: World, side: int) -> int:
    return world.operators["XY"[side]]


def _job(service: Callable[..., Any], *args: Any, **kwargs: Any) -> Job:
    return partial(service, *args, actor="test", **kwargs)


def _register(world: World, side: int, role: str) -> Job:
    request = ContactRequest(
        world.sources["S"], external_id=f"caller {side}", message=f"from {role}"
    )
    return _job(register_contact, request)


def _close(world: World, side: int, role: str) -> Job:
    return _job(close_contact, _contact(world, side))


def _close_waiting(world: World, side: int, role: str) -> Job:
    return _job(close_contact, world.contacts.get("queued", world.contacts["old"]))


def _reassign(world: World, side: int, role: str) -> Job:
    return _job(reassign_contact, _contact(world, side), operator_id=_operator(world, 1 - side))


def _reassign_to_v(world: World, side: int, role: str) -> Job:
    return _job(reassign_contact, _contact(world, side), operator_id=world.operators["V"])


def _requeue(world: World, side: int, role: str) -> Job:
    # With the version that it has in all worlds before anything happens to it.
    return _job(requeue_contact, _contact(world, side), version=1)


def _reopen(world: World, side: int, role: str) -> Job:
    return _job(reopen_contact, world.contacts["old"])


def _take_next(name_of: Callable[[int], str]) -> Move:
    return lambda world, side, role: _job(take_next_contact, world.operators[name_of(side)])


def _switch_off(open_contacts: str) -> Move:
    return lambda world, side, role: _job(
        switch_operator_off, _operator(world, side), open_contacts=open_contacts
    )


def _update_operator(**changes: Any) -> Move:
    return lambda world, side, role: _job(update_operator, _operator(world, side), **changes)


def _switch_on(world: World, side: int, role: str) -> Job:
    return _job(update_operator, world.operators["Z"], is_active=True)


def _weight_to_0(world: World, side: int, role: str) -> Job:
    of_y = "YS" if "YS" in world.weights else "YT"
    return _job(update_weight, world.weights[("XS", of_y)[side]], weight=0)


def _weight_from_0(world: World, side: int, role: str) -> Job:
    return _job(update_weight, world.weights["VS"], weight=1)


def _replace_weights(world: World, side: int, role: str) -> Job:
    weights = {world.operators["V"]: 1, world.operators["Z"]: 1}
    return _job(replace_weights, world.sources["S"], weights)


def _source_on(world: World, side: int, role: str) -> Job:
    return _job(update_source, world.sources.get("U", world.sources["S"]), is_active=True)


def _source_off(world: World, side: int, role: str) -> Job:
    return _job(update_source, world.sources["S"], is_active=False)


def _drain(world: World, side: int, role: str) -> Job:
    return _job(assign_waiting)


# The nine kinds that are to meet in every order; two of them come in two variants.
KINDS: dict[str, tuple[str, ...]] = {
    "register": ("register",),
    "close": ("close",),
    "reassign": ("reassign",),
    "requeue": ("requeue",),
    "switch off": ("switch off, requeue", "switch off, redistribute"),
    "lower limit": ("lower limit",),
    "raise limit": ("raise limit",),
    "change weight": ("weight from 0", "weight to 0"),
    "drain": ("drain",),
}
MOVES: dict[str, Move] = {
    "register": _register,
    "close": _close,
    "reassign": _reassign,
    "requeue": _requeue,
    "switch off, requeue": _switch_off("requeue"),
    "switch off, redistribute": _switch_off("redistribute"),
    "lower limit": _update_operator(max_load=0),
    "raise limit": _update_operator(max_load=3),
    "weight to 0": _weight_to_0,
    "weight from 0": _weight_from_0,
    "drain": _drain,
    "switch off, keep": _switch_off("keep"),
    "switch on": _switch_on,
    "reopen": _reopen,
    "reassign to V": _reassign_to_v,
    "take next": _take_next("XY".__getitem__),
    "take next for V": _take_next(lambda side: "V"),
    "close what waits": _close_waiting,
    "source on": _source_on,
    "source off": _source_off,
    "replace weights": _replace_weights,
}
