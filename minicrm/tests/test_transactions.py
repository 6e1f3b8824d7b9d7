import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from distribution.models import Operator
from distribution.tests.concurrency import run_together
from distribution.tests.factories import OperatorFactory
from minicrm.transactions import MAX_ATTEMPTS, RunAgain, is_retryable, retried

pytestmark = pytest.mark.django_db(transaction=True)


def database_error(statement):
    """Return the error that the database itself gives for a statement."""
    with pytest.raises(OperationalError) as failure, connection.cursor() as cursor:
        cursor.execute(statement)
    return failure.value


def test_runs_again_until_it_succeeds_and_keeps_only_the_last_attempt():
    attempts = []

    @retried
    def work():
        attempts.append(1)
        OperatorFactory(name=f"Attempt {len(attempts)}")
        if len(attempts) < 3:
            raise RunAgain
        return "done"

    assert work() == "done"
    assert len(attempts) == 3
    assert [operator.name for operator in Operator.objects.all()] == ["Attempt 3"]


def test_gives_up_after_a_bounded_number_of_attempts(short_pauses):
    attempts = []

    @retried
    def work():
        attempts.append(1)
        raise RunAgain

    with pytest.raises(RunAgain):
        work()
    assert len(attempts) == MAX_ATTEMPTS


@pytest.mark.parametrize("error", [ValueError("bug"), OperationalError("server closed")])
def test_runs_once_when_the_error_is_not_about_locks(error):
    attempts = []

    @retried
    def work():
        attempts.append(1)
        raise error

    with pytest.raises(type(error)):
        work()
    assert len(attempts) == 1


def test_inside_another_transaction_it_is_left_to_the_outermost_to_run_again():
    attempts = []

    @retried
    def work():
        attempts.append(1)
        raise RunAgain

    with pytest.raises(RunAgain), transaction.atomic():
        work()
    assert len(attempts) == 1


def postgresql_lock_errors():
    raise_ = "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '%s'; END $$"
    return [database_error(raise_ % code) for code in ("40001", "40P01", "55P03")]


def sqlite_lock_errors():
    def write_while_it_is_locked():
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 50")
        return database_error("BEGIN IMMEDIATE")

    with transaction.atomic():
        return run_together([write_while_it_is_locked])


def test_knows_the_databases_own_errors_about_locks():
    on_postgresql = connection.vendor == "postgresql"
    errors = postgresql_lock_errors() if on_postgresql else sqlite_lock_errors()
    assert [is_retryable(error) for error in errors] == [True] * len(errors)


def test_other_errors_of_the_database_are_not_about_locks():
    assert not is_retryable(OperationalError("server closed the connection unexpectedly"))
    with pytest.raises(DatabaseError) as failure, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM no_such_table")
    assert not is_retryable(failure.value)


def test_a_deadlock_between_two_transactions_is_resolved_by_running_one_again():
    first, second = OperatorFactory(), OperatorFactory()

    def add_to(one, other):
        @retried
        def work():
            for operator in (one, other):
                locked = Operator.objects.select_for_update().get(pk=operator.pk)
                locked.current_load += 1
                locked.save(update_fields=["current_load"])

        return lambda: [work() for _ in range(10)]

    results = run_together([add_to(first, second), add_to(second, first)])
    assert results == [[None] * 10] * 2
    assert set(Operator.objects.values_list("current_load", flat=True)) == {20}
