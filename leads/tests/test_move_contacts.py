"""The commands that move contacts."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError, connection
from django.db.transaction import TransactionManagementError

from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.management.commands.move_contacts import BUSY, Command
from leads.models import Assignment, Contact
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    WaitingContactFactory,
)
from minicrm import transactions
from minicrm.transactions import RunAgain

pytestmark = pytest.mark.django_db


def run(*args):
    out, err = io.StringIO(), io.StringIO()
    error = None
    try:
        call_command("move_contacts", *map(str, args), stdout=out, stderr=err)
    except CommandError as refused:
        error = str(refused)
    figures = dict(line.rsplit(None, 1) for line in out.getvalue().splitlines())
    return figures, err.getvalue(), error


def test_closes_and_says_what_became_of_each():
    weight = WeightFactory(operator__max_load=2)
    first, second = AssignedContactFactory.create_batch(
        2, operator=weight.operator, source=weight.source
    )
    closed = ClosedContactFactory()
    waiting = WaitingContactFactory(source=weight.source)
    figures, errors, refused = run("close", first.pk, closed.pk, second.pk, "--reason", "old")
    assert figures == {
        "contacts": "close",
        "moved": "2",
        "so already": "1",
        "refused": "0",
        "waiting ones that got a place": "1",
    }
    assert (errors, refused) == ("", None)
    assert Contact.objects.get(pk=waiting.pk).operator == weight.operator
    ended = Assignment.objects.filter(ended_as="closed", ended_by="move_contacts")
    assert list(ended.values_list("end_reason", flat=True)) == ["old", "old"]
    assert_promises_kept()


def test_reads_numbers_from_standard_input(monkeypatch):
    contacts = AssignedContactFactory.create_batch(2)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{contacts[0].pk}\n{contacts[1].pk}\n"))
    assert run("requeue", "-")[0]["moved"] == "2"
    assert Contact.objects.waiting().count() == 2
    assert set(Operator.objects.values_list("current_load", flat=True)) == {0}


def test_reassigns_over_the_limit_with_a_reason():
    contact, operator = WaitingContactFactory(), OperatorFactory(max_load=0)
    figures, errors, refused = run("reassign", contact.pk, "--to", operator.pk)
    assert (figures["refused"], refused) == ("1", "Refused: 1 of 1.")
    assert errors == f"{contact.pk}: {operator.name} is at the limit: 0 of 0.\n"
    figures, _, refused = run(
        "reassign", contact.pk, "--to", operator.pk, "--over-limit", "--reason", "theirs"
    )
    assert (figures["moved"], refused) == ("1", None)
    assert Contact.objects.get().operator == operator


def test_one_that_is_refused_keeps_nobody_else_from_moving():
    closed = ClosedContactFactory()
    figures, errors, refused = run("reopen", 10**9, closed.pk)
    assert (figures["moved"], figures["refused"]) == ("1", "1")
    assert (errors, refused) == ("1000000000: There is no contact 1000000000.\n",
                                 "Refused: 1 of 2.")  # fmt: skip
    assert Contact.objects.get().status == "waiting"


@pytest.mark.parametrize(
    ("choice", "said", "load"),
    [
        ("keep", "is off. Open contacts: 0 moved, 2 kept.", 2),
        ("requeue", "is off. Open contacts: 2 moved, 0 kept.", 0),
        ("redistribute", "is off. Open contacts: 1 moved, 1 kept.", 1),
    ],
)
def test_switches_an_operator_off(choice, said, load):
    operator = OperatorFactory()
    contact, _ = AssignedContactFactory.create_batch(2, operator=operator)
    WeightFactory(source=contact.source)  # of somebody else, for one of the two
    out = io.StringIO()
    call_command("switch_operator_off", str(operator.pk), "--open-contacts", choice, stdout=out)
    assert out.getvalue() == f"{operator.name} {said}\n"
    operator.refresh_from_db()
    assert (operator.is_active, operator.current_load) == (False, load)
    assert_promises_kept()


def test_switching_an_unknown_operator_off_is_refused():
    with pytest.raises(CommandError, match="There is no operator 7000"):
        call_command("switch_operator_off", "7000")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["close", "x"], "'x' is no number of a contact."),
        (["close", "9" * 30], "is no number of a contact."),
        (["reassign", "1"], "Say to whom: --to OPERATOR."),
        (["close", "1", "--to", "2"], "--to and --over-limit are for reassign."),
    ],
)
def test_refuses_what_makes_no_sense(arguments, said):
    assert said in run(*arguments)[2]


@pytest.mark.parametrize("number", [0, -1, 2**63, 2**80, "x"])
def test_operators_that_cannot_be(number):
    contact = WaitingContactFactory()
    assert "argument --to: " in run("reassign", contact.pk, f"--to={number}")[2]
    with pytest.raises(CommandError, match="argument OPERATOR: must be"):
        call_command("switch_operator_off", str(number))


def test_repeated_requeue_is_told_to_move_again():
    said = " ".join(Command.help.split())
    assert "requeue" in said.partition("may be repeated. ")[2]
    contact = AssignedContactFactory()
    WeightFactory(operator=contact.operator, source=contact.source)
    assert [run("requeue", contact.pk)[0]["moved"] for _ in range(2)] == ["1", "1"]


def raising(error, *, at):
    """Let the statement fail that ends the periods of a contact."""

    def wrapper(execute, sql, params, many, context):
        if 'UPDATE "leads_assignment"' in sql and at in params:
            raise error
        return execute(sql, params, many, context)

    return connection.execute_wrapper(wrapper)


@pytest.mark.parametrize("error", [RunAgain("moved"), TransactionManagementError("broken")])
def test_contact_that_stays_busy_keeps_nobody_else_from_moving(error, monkeypatch):
    monkeypatch.setattr(transactions.time, "sleep", lambda seconds: None)
    first, busy, last = AssignedContactFactory.create_batch(3)
    with raising(error, at=busy.pk):
        figures, errors, refused = run("close", first.pk, busy.pk, last.pk)
    assert (figures["moved"], figures["refused"], refused) == ("2", "1", "Refused: 1 of 3.")
    assert errors == f"{busy.pk}: {BUSY}\n"
    assert set(Contact.objects.filter(status="closed")) == {first, last}


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_database_that_goes_away_leaves_a_summary(kind):
    first, second, last = AssignedContactFactory.create_batch(3)
    with raising(kind("the connection is lost"), at=second.pk):
        figures, _, failed = run("close", first.pk, 10**9, second.pk, last.pk)
    assert (figures["moved"], figures["refused"]) == ("1", "1")
    assert failed.startswith(f"The database failed at contact {second.pk}, after 2 of 4;")
    assert failed.endswith("the connection is lost")
    assert set(Contact.objects.filter(status="closed")) == {first}
