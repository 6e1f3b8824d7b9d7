"""manage.py take_next."""

import io

import pytest
from django.core.management import CommandError, call_command

from distribution.models import Operator
from distribution.tests.factories import WeightFactory
from leads.models import Assignment, Contact
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import WaitingContactFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def weight():
    """Of an operator whom nothing goes to by itself."""
    return WeightFactory(weight=0)


def run(*args):
    out = io.StringIO()
    call_command("take_next", *map(str, args), stdout=out)
    return out.getvalue()


def test_takes_the_oldest_and_says_which(weight):
    oldest, _ = WaitingContactFactory.create_batch(2, source=weight.source)
    said = run(weight.operator_id)
    assert said == f"Contact {oldest.pk} is now with {weight.operator}.\n"
    oldest.refresh_from_db()
    assert oldest.operator == weight.operator
    assert Assignment.objects.latest("pk").decision["by"] == "take_next"
    assert_promises_kept()


def test_of_the_source_named(weight):
    WaitingContactFactory(source=weight.source)
    other = WaitingContactFactory()
    assert str(other.pk) in run(weight.operator_id, "--source", other.source_id)
    assert run(weight.operator_id, "--source", other.source_id) == "Nothing waits.\n"
    assert Contact.objects.waiting().count() == 1


def test_over_the_limit_with_a_reason(weight):
    waiting = WaitingContactFactory(source=weight.source)
    Operator.objects.update(max_load=0)
    with pytest.raises(CommandError, match="is at the limit"):
        run(weight.operator_id)
    with pytest.raises(CommandError, match="Say why"):
        run(weight.operator_id, "--over-limit")
    assert str(waiting.pk) in run(weight.operator_id, "--over-limit", "--reason", "theirs")
    assert Assignment.objects.latest("pk").decision["reason"] == "theirs"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["7000"], "There is no operator 7000."),
        (["1", "--source", "7000"], "There is no source 7000."),
        ([2**63], "argument OPERATOR: must be a whole number from 1 to"),
        (["1", "--source", 2**63], "argument --source: must be a whole number from 1 to"),
    ],
)
def test_refuses_what_is_not_there(arguments, said):
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert said in str(caught.value)
