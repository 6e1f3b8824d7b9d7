"""Every request of the tables gets its refusal in the one format, and nothing is stored."""

import pytest

from minicrm.tests.client import Api, refusal
from minicrm.tests.hostile import addresses, bodies, headers, numbers, texts, values
from minicrm.tests.hostile.world import lasting_world, stored

pytestmark = pytest.mark.django_db

ROOMS = [bodies, numbers, values, texts, headers, addresses]
CASES = [case for room in ROOMS for case in room.CASES]
AT_LEAST = 150  # what was promised; there are many more


def marks(number):
    """In CI all of them; otherwise each sixth, and of those each fifth on PostgreSQL too."""
    if number % 6:
        return [pytest.mark.thorough]
    return [pytest.mark.slow_on_postgresql] if number % 30 else []


PARAMETERS = [
    pytest.param(case, id=str(case)[:150], marks=marks(number)) for number, case in enumerate(CASES)
]


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """One world for all: making it anew for each would take most of the time."""
    with django_db_blocker.unblock(), lasting_world() as world:
        yield world


@pytest.mark.parametrize("case", PARAMETERS)
def test_is_refused_and_leaves_no_trace(world, case):
    status, code, errors = refusal(case.send(Api(world.key(case.key)), world))
    expected = {at: found or errors.get(at) for at, found in case.errors.items()}
    assert (status, code, errors) == (case.status, case.code, expected)
    assert stored() == world.rows


def test_there_are_as_many_cases_as_promised():
    assert len(CASES) // 6 >= AT_LEAST
    names = [str(case) for case in CASES]
    assert {name for name in names if names.count(name) > 1} == set()
