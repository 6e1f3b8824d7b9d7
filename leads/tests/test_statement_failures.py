"""Each statement of the hot path fails, in each way that a database fails.

Where the transaction can be run again, the caller notices nothing. Where the database is gone they
get 503 with Retry-After, nothing or everything is stored, and sending it again sets it right.
"""

import contextlib

import pytest
from django.db import connection, connections

from distribution import keys
from leads.services import idempotency, register_contact, registration
from leads.services.registration import Registration
from leads.tests.checks import assert_promises_kept
from leads.tests.hot_path import (
    ARRIVAL,
    ARRIVALS,
    CLOSE,
    MOVES,
    SENT_BEFORE,
    WAITING,
    Scene,
    everything_stored,
    run,
)
from minicrm.tests.choosing import every
from minicrm.tests.failing import COMMIT, FAILURES, Statements, end_connection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def scene():
    yield Scene()
    connection.close()  # it may be lost, or wait but briefly for locks


OPERATIONS = ARRIVALS + MOVES
# Each failure meets every fourth operation each time, and in CI all of them.
CASES = [
    pytest.param(
        operation,
        failure,
        marks=[getattr(pytest.mark, failure.vendor)]
        + ([pytest.mark.thorough] if (number + shift) % 4 else []),
    )
    for shift, failure in enumerate(FAILURES)
    for number, operation in enumerate(OPERATIONS)
]


@pytest.mark.parametrize(("operation", "failure"), CASES, ids=str)
def test_statement_that_fails(operation, failure, scene):
    prove(operation, failure, scene)


def prove(operation, failure, scene):
    """Let each statement of an operation fail.

    After a refusal that stored nothing, the next run is the same request sent again.
    """
    before, clean = clean_run(operation, scene)
    noted = end_of_note(clean.statements)
    scene.restore()
    for at, text in enumerate(clean.statements):
        if not failure.can_hit(text):
            continue
        statements = Statements(failure.ways, at)
        outcome = run(operation, scene, statements)
        if outcome == clean:
            # All ways to fail were used; but the note of a key's last use is tried only once.
            assert not statements.left or at < noted
        else:
            expected = expected_refusal(failure, clean.statements, at)
            assert refusal(outcome) == expected, f"not as in a clean run: {text}"
            committed = failure.stored or COMMIT in clean.statements[noted:at]
            assert outcome.stored == (clean.stored if committed else before), f"half stored: {text}"
            if not committed:
                scene.forget_last_use()
                continue
            check_answered_again(operation, scene, clean)
        scene.restore()
    assert run(operation, scene) == clean


def clean_run(operation, scene):
    """Return what is stored before, and the outcome when nothing fails."""
    scene.prepare(operation)
    before = everything_stored()
    clean = run(operation, scene)
    assert clean.answer["status"] in (200, 201)
    assert COMMIT in clean.statements[end_of_note(clean.statements) :]
    assert_promises_kept()
    return before, clean


def end_of_note(statements):
    """Return where the note of the key's last use ends, which is a transaction of its own."""
    end = statements.index(COMMIT) + 1
    assert any("last_used_at" in text for text in statements[:end])
    return end


def refusal(outcome):
    answer = outcome.answer
    return answer["status"], answer["body"].get("code"), answer.get("Retry-After")


def expected_refusal(failure, statements, at):
    """Return why the caller may be asked to come again; None where they must not notice anything.

    A lock timeout at the idempotency record means that an equal request is still under way.
    """
    if failure.gone:
        return 503, "unavailable", "2"
    if "INSERT INTO leads_idempotencyrecord" in statements[at] and "55P03" in failure.name:
        return 409, "idempotency_key_in_use", "1"
    return None


def check_answered_again(operation, scene, clean):
    """Fail unless the request sent again changes nothing, and is answered as the clean run was."""
    if not operation.once:
        return  # it would be a second contact, which only an Idempotency-Key prevents
    again = run(operation, scene)
    assert again.stored == clean.stored, "done twice"
    assert again.answer == clean.answer | {"Idempotency-Replayed": "true"}


# Really so ------------------------------------------------------------------------------------


@pytest.mark.postgresql
def test_connection_lost_between_two_requests_is_not_noticed(scene):
    _, clean = clean_run(ARRIVAL, scene)
    scene.restore()
    end_connection()
    assert run(ARRIVAL, scene) == clean


@pytest.mark.parametrize("operation", every(3, OPERATIONS), ids=str)
def test_lock_that_another_connection_holds_for_a_moment(operation, scene):
    _, clean = clean_run(operation, scene)
    scene.restore()
    # A request that was answered before needs no more than to be recognised.
    table = "distribution_apikey" if operation is SENT_BEFORE else "distribution_source"
    with contextlib.closing(connections["default"].copy()) as other:
        lock(table, other)
        assert run(operation, scene, Statements(pause=other.close)) == clean
        assert other.connection is None, "it was in nobody's way"


def lock(table, other):
    """Let the other connection take a lock, and ours wait but briefly for it."""
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as ours, other.cursor() as theirs:
        ours.execute("PRAGMA busy_timeout = 20" if sqlite else "SET lock_timeout = 20")
        theirs.execute("BEGIN IMMEDIATE" if sqlite else "BEGIN")
        if not sqlite:
            theirs.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")


# Each proof can fail --------------------------------------------------------------------------


def each_fails(message, operation, scene, **facts):
    """See the proof of an operation fail for each of this database's failures with these facts."""
    for failure in FAILURES:
        of_this_kind = all(getattr(failure, name) == value for name, value in facts.items())
        if failure.vendor == connection.vendor and of_this_kind:
            with pytest.raises(AssertionError, match=message):
                prove(operation, failure, scene)


def test_without_retries_it_fails(scene, monkeypatch):
    in_transaction = register_contact.__wrapped__
    monkeypatch.setattr("leads.api.contacts.register_contact", in_transaction)
    message = "(?s)not as in a clean run: (?!.*FROM distribution_apikey)"
    each_fails(message, ARRIVAL, scene, gone=False)


def test_without_retries_of_the_authentication_it_fails(scene, monkeypatch):
    monkeypatch.setattr(keys, "authenticate", keys.authenticate.__wrapped__)
    message = "(?s)not as in a clean run: .*FROM distribution_apikey"
    each_fails(message, ARRIVAL, scene, gone=False)


def test_with_a_commit_in_between_it_fails(scene, monkeypatch):
    identify = registration._lead_and_look

    def identify_and_commit(*args):
        found = identify(*args)
        connection._commit()
        connection._start_transaction_under_autocommit()
        return found

    monkeypatch.setattr(registration, "_lead_and_look", identify_and_commit)
    each_fails("half stored", ARRIVAL, scene, gone=True, stored=False)


def test_with_several_transactions_for_one_move_it_fails(scene, monkeypatch):
    monkeypatch.setattr("leads.api.once.retried", lambda func: func)
    each_fails("half stored", CLOSE, scene, gone=True, stored=False)


def test_with_the_idempotency_record_in_a_transaction_of_its_own_it_fails(scene, monkeypatch):
    def register_and_then_note(request, *, actor, once):
        record = idempotency.find(scope=once.scope, key=once.key)
        if record is not None:
            return Registration(record.response, replayed=True)
        registered = register_contact(request, actor=actor)
        record = idempotency.begin(scope=once.scope, key=once.key, digest="d")
        idempotency.finish(record, registered.receipt)
        return registered

    monkeypatch.setattr("leads.api.contacts.register_contact", register_and_then_note)
    each_fails("half stored", WAITING, scene, gone=True)
