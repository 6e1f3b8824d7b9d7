"""Contacts that find nobody against closes that free a place: the two never miss each other."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from distribution.tests.factories import WeightFactory
from distribution.tests.interleaving import Worker
from leads.models import Contact
from leads.services import ContactRequest, close_contact, register_contact
from leads.tests.checks import assert_promises_kept

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ROUNDS = 400
LONGEST_PAUSE = 0.003


def assert_no_place_is_missed(*, rounds: int, seed: int) -> int:
    """One operator with one place: in each round its contact is closed while another arrives.

    Whoever is first, the one who arrives has the place when both are done. Returns how often it
    had to wait for it first; raises AssertionError for the first round that ends otherwise.
    """
    source = WeightFactory(operator__max_load=1).source
    held, rng = _register(source.pk, "lead"), random.Random(seed)
    waited = 0
    with _pausing_workers(seed) as (arriving, closing):
        for number in range(1, rounds + 1):
            close = partial(close_contact, held.receipt["id"], actor="test")
            starts = [(arriving, partial(_register, source.pk, "lead")), (closing, close)]
            for worker, job in starts[:: rng.choice((1, -1))]:
                worker.start(job)
            held, closed = arriving.outcome(), closing.outcome()
            where = f"round {number} of seed {seed}: {held}, {closed}"
            assert not isinstance(held, Exception), where
            assert not isinstance(closed, Exception), where
            now = Contact.objects.get(pk=held.receipt["id"])
            assert now.status == Contact.Status.ASSIGNED, f"{where}: the contact waits for ever"
            waited += held.receipt["status"] == Contact.Status.WAITING
    assert_promises_kept()
    return waited


def _register(source_id, external_id):
    return register_contact(ContactRequest(source_id, external_id=external_id), actor="test")


@contextmanager
def _pausing_workers(seed: int) -> Iterator[tuple[Worker, Worker]]:
    """Two workers that pause before some of their statements."""
    crew = Worker("the arrival"), Worker("the close")
    for number, worker in enumerate(crew):
        rng = random.Random(f"{seed}-{number}")
        worker.pause = partial(_pause, rng)
    try:
        yield crew
    finally:
        for worker in crew:
            worker.close()


def _pause(rng: random.Random) -> None:
    """Pause before every fourth statement or so: else 400 rounds take half a minute."""
    if rng.random() < 0.25:
        time.sleep(rng.uniform(0, LONGEST_PAUSE))


@pytest.mark.parametrize("rounds", [60, pytest.param(ROUNDS, marks=pytest.mark.thorough)])
def test_a_place_freed_while_a_contact_arrives_goes_to_it(rounds):
    waited = assert_no_place_is_missed(rounds=rounds, seed=3)
    assert rounds * 0.05 < waited < rounds * 0.95, "the rounds do not mix both orders"
