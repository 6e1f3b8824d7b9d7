"""Locks that must not be held, seen from another connection."""

import threading
import time

import pytest
from django.db import connection, transaction

from distribution.models import Operator
from distribution.services import claim_operator, delete_operators
from distribution.services.locks import lock_source
from distribution.tests.concurrency import run_together
from distribution.tests.factories import WeightFactory

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,  # SQLite has no row locks
]

SECONDS = 10


def wait_until_somebody_is_blocked():
    give_up_at = time.monotonic() + SECONDS
    while time.monotonic() < give_up_at:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


def test_a_vain_try_for_the_last_place_does_not_keep_the_operators_row_locked():
    """The one who lost asks for the source's row next; an operator's must not be held then."""
    weight = WeightFactory(operator__max_load=1)
    has_the_place = threading.Event()
    outcomes = []

    def win():
        with transaction.atomic():
            outcomes.append(claim_operator(source_id=weight.source_id, actor="winner"))
            has_the_place.set()
            wait_until_somebody_is_blocked()

    def lose():
        has_the_place.wait(SECONDS)
        with transaction.atomic():
            outcomes.append(claim_operator(source_id=weight.source_id, actor="loser"))
            run_together([lock_without_waiting])

    def lock_without_waiting():
        with transaction.atomic():
            outcomes.append(Operator.objects.select_for_update(nowait=True).get())

    assert run_together([win, lose]) == [None, None]
    won, lost, operator = outcomes
    assert won.operator_id == operator.pk == weight.operator_id
    assert lost.operator_id is None
    assert operator.current_load == 1


def test_who_deletes_operators_waits_for_the_sources_before_holding_any_of_them():
    """Their weights go too, which changes the sources; who holds one may want the operators."""
    first, weight = WeightFactory(), WeightFactory(weight=0)
    has_the_source = threading.Event()
    outcomes = []

    def hold_the_source():
        with transaction.atomic():
            lock_source(weight.source_id)
            has_the_source.set()
            wait_until_somebody_is_blocked()
            outcomes.extend(Operator.objects.select_for_update(nowait=True).order_by("pk"))

    def delete():
        has_the_source.wait(SECONDS)
        delete_operators([first.operator_id, weight.operator_id], actor="test")

    assert run_together([hold_the_source, delete]) == [None, None]
    assert outcomes == [first.operator, weight.operator]
    assert not Operator.objects.exists()
