"""Calls of services with random arguments, for the state machine, from what its model holds."""

from hypothesis import strategies as st

from leads.services import OpenContacts


def one_of(kind):
    return st.runner().flatmap(lambda machine: st.sampled_from(machine.ids(kind) or [None]))


def contact(status):
    """A contact, mostly one with that status."""
    return st.runner().flatmap(lambda machine: st.sampled_from(machine.contacts(status)))


def call(service, *args, **ask):
    """The name and the arguments of a service to call."""
    return st.tuples(st.just(service), st.tuples(*args), st.fixed_dictionaries(ask))


def some(**changes):
    return st.fixed_dictionaries({}, optional=changes)


yes_or_no = st.booleans()
limits = st.integers(0, 3)
weights = st.sampled_from([0, 1, 1, 2, 10_000])
names = st.sampled_from(["Name A", "Name B"])
reasons = st.sampled_from(["", "customer asked", "обед"])
# None, or how far the version that the caller read is from the present one.
versions = st.sampled_from([None, None, None, 0, 0, 0, -1, 1])
operators, sources, pairs = one_of("operators"), one_of("sources"), one_of("weights")
stale, by_hand = {"version": versions}, {"over_limit": yes_or_no, "reason": reasons}
facts = {"name": names, "is_active": yes_or_no}

MOVES = [
    call("register", sources, st.integers(1, 3)),
    call("close_contact", contact("assigned"), reason=reasons, **stale),
    call("close_contact", contact("assigned"), reason=reasons, **stale),
    call("reopen_contact", contact("closed"), reason=reasons, **stale),
    call("requeue_contact", contact("assigned"), reason=reasons, **stale),
    call("reassign_contact", contact("waiting"), operator_id=operators, **stale, **by_hand),
    call("reassign_contact", contact("assigned"), operator_id=operators, **stale, **by_hand),
    call("take_next_contact", operators, source_id=st.none() | sources, **by_hand),
    call("take_next_contact", operators, expected_id=contact("waiting"), **by_hand),
    call("switch_operator_off", operators, open_contacts=st.sampled_from([*OpenContacts])),
    call("repeat"),
]
SETTINGS = [
    call("create_operator", max_load=limits, **facts),
    call("create_source", **facts),
    call("delete_operator", operators),
    call("delete_source", sources),
    st.tuples(st.just("update_operator"), st.tuples(operators), some(max_load=limits, **facts)),
    st.tuples(st.just("update_source"), st.tuples(sources), some(**facts)),
    call("open_up", operators, st.integers(1, 6)),
    call("open_up", operators, st.integers(1, 6)),
    call("add_weight", operator_id=operators, source_id=sources, weight=weights),
    call("update_weight", pairs, weight=weights),
    call("remove_weight", pairs),
    call("replace_weights", sources, st.lists(st.none() | weights, min_size=5, max_size=5)),
]
