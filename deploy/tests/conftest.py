"""The topology that the tests of this folder share: it takes half a minute to start."""

import signal

import pytest

from deploy.local.programs import find_programs
from deploy.local.whole import running_topology
from deploy.tests.load import Stage, make_stage


@pytest.fixture(scope="session")
def topology():
    """Everything running; each test leaves it as it was, with other contacts in it."""
    # A time limit ends the run by TERM; without this the topology would outlive it.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with running_topology(find_programs()) as running:
        yield running
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def stage(topology) -> Stage:
    """A source of its own for this test, and an operator who can take everything."""
    return make_stage(topology, limits=[1_000_000])


@pytest.fixture
def report(capsys):
    """Say a figure, whether the test passes or not."""

    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\n  topology: {text}", end="", flush=True)

    return say
