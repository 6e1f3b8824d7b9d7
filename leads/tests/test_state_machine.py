"""Any history of moves and settings does what the plain model says, and keeps every promise.

STRESS_EXAMPLES=2000 runs so many histories instead of the 12 that the suite has time for (30 in
CI), and STRESS_STEPS=80 makes them longer. A history that fails is cut down to a short one that
still does, which may take minutes.
"""

import os

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from leads.tests.state_machine import Machine

EXAMPLES = int(os.environ.get("STRESS_EXAMPLES", "30" if os.environ.get("CI") else "12"))
STEPS = int(os.environ.get("STRESS_STEPS", "25"))


@pytest.mark.slow
@pytest.mark.django_db
def test_any_history_does_what_the_model_says():
    bounded = settings(max_examples=EXAMPLES, stateful_step_count=STEPS)
    run_state_machine_as_test(Machine, settings=bounded)
