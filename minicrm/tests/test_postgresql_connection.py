"""What our connections to PostgreSQL do otherwise than Django's."""

import contextlib
import os
import socket
from datetime import UTC, datetime

import pytest
from django.db import (
    DataError,
    IntegrityError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.backends.postgresql.base import DatabaseWrapper

from distribution.models import Operator, Source
from minicrm.hot_cursor import hot_cursor
from minicrm.tests.failing import end_connection
from minicrm.transactions import retried, retried_read

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def questions(monkeypatch):
    """Return a list that grows with each `SELECT 1` of Django's own check."""
    asked, check = [], DatabaseWrapper.is_usable

    def counted(self):
        asked.append(1)
        return check(self)

    monkeypatch.setattr(DatabaseWrapper, "is_usable", counted)
    connection.ensure_connection()
    yield asked
    connection.close()


def test_a_sound_connection_is_not_asked(questions):
    assert connection.is_usable()
    assert questions == []


def test_a_connection_that_the_server_has_ended_is_noticed(questions):
    end_connection()
    assert not connection.is_usable()
    assert questions == [1]
    assert not connection.is_usable()  # closed on our side, too, by then


def test_a_connection_that_breaks_without_a_word_is_noticed(questions):
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as ours:
        ours.shutdown(socket.SHUT_RDWR)
    assert not connection.is_usable()
    assert questions == [1]


def test_within_a_transaction_it_is_asked(questions):
    with transaction.atomic():
        Source.objects.exists()
        assert connection.is_usable()
        assert questions == [1]
    assert connection.is_usable()
    assert questions == [1]


def test_in_an_aborted_transaction_it_is_asked_and_cannot_be_used(questions):
    with transaction.atomic():
        with connection.cursor() as cursor, pytest.raises(DataError):
            cursor.execute("SELECT 1 / 0")
        assert not connection.is_usable()
        assert questions == [1]
        transaction.set_rollback(True)
    assert connection.is_usable()
    assert not Source.objects.exists()


def test_an_end_in_the_middle_of_a_transaction_is_noticed(questions):
    with transaction.atomic():
        assert not Source.objects.exists()
        end_connection()
        assert not connection.is_usable()
        assert questions == [1]
        with pytest.raises(OperationalError):
            Source.objects.exists()
        transaction.set_rollback(True)
    assert not Source.objects.exists()  # on a new connection


def test_after_an_error_it_is_asked(questions):
    connection.errors_occurred = True
    assert connection.is_usable()
    assert questions == [1]


def test_a_lost_connection_is_replaced_before_the_first_query(questions):
    end_connection()
    connection.health_check_done = False  # as at the begin of each request
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_a_hot_statement_is_prepared():
    for number in range(10):
        with hot_cursor() as cursor:
            cursor.execute("SELECT %s::int + 1", [number])
            assert cursor.fetchone() == (number + 1,)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%+ 1'")
        assert cursor.fetchone() == (1,)
    connection.close()


def test_a_hot_statement_is_not_prepared_where_that_is_not_wanted():
    for number in range(10):
        with hot_cursor(prepares=False) as cursor:
            cursor.execute("SELECT %s::int + 2", [number])
            assert cursor.fetchone() == (number + 2,)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%+ 2'")
        assert cursor.fetchone() == (0,)


def test_it_stays_prepared_when_a_transaction_is_rolled_back():
    for _ in range(3):
        with transaction.atomic(), hot_cursor() as cursor:
            cursor.execute("SELECT %s::int + 3", [1])
            transaction.set_rollback(True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%+ 3'")
        assert cursor.fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize("threshold", [5, None])
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bigint", 2**63 - 1),
        ("bigint", 7),
        ("boolean", True),
        ("text", "It's 100 % \\ ok: \u4f60\u597d"),
        ("text", None),
        ("timestamptz", datetime(2026, 3, 29, 1, 30, 0, 123456, UTC)),
    ],
)
def test_a_value_comes_back_as_it_was(monkeypatch, kind, value, threshold):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "prepare_threshold", threshold)
    connection.close()
    for _ in range(2):
        with hot_cursor() as cursor:
            cursor.execute(f"SELECT %s::{kind}, 1 UNION ALL SELECT NULL, 2", [value])
            assert cursor.fetchone() == (value, 1)
            assert cursor.fetchall() == [(None, 2)]
            assert cursor.fetchone() is None
    connection.close()


def test_what_the_server_refuses_is_told_as_always():
    operator = Operator.objects.create(name="Demo", max_load=1)
    statement = "UPDATE distribution_operator SET max_load = %s WHERE id = %s"
    for value, error in ((-1, IntegrityError), (2**40, DataError), ("\0", DataError)):
        with pytest.raises(error), transaction.atomic(), hot_cursor() as cursor:
            cursor.execute(statement, [value, operator.pk])
    with hot_cursor() as cursor:
        cursor.execute(statement, [2, operator.pk])
        assert cursor.fetchall() == []
    operator.refresh_from_db()
    assert operator.max_load == 2


def test_a_connection_lost_in_between_is_an_operational_error():
    def begin():
        with transaction.atomic():
            pass

    def ask():
        with hot_cursor() as cursor:
            cursor.execute("SELECT 1")

    def ask_in_a_transaction():
        with transaction.atomic():
            ask()
            end_connection()
            ask()

    def commit():
        with transaction.atomic():
            ask()
            end_connection()

    for work in (begin, ask):
        connection.ensure_connection()
        end_connection()
        connection.health_check_done = True  # it was well a moment ago
        with pytest.raises(OperationalError):
            work()
        connection.close()
    for work in (ask_in_a_transaction, commit):
        with pytest.raises(OperationalError):
            work()
        connection.close()


def test_after_that_it_connects_anew():
    connection.ensure_connection()
    end_connection()
    connection.health_check_done = True
    with pytest.raises(OperationalError), transaction.atomic():
        pass
    with transaction.atomic():
        assert Source.objects.count() == 0


def test_a_transaction_that_the_server_has_undone_is_not_called_committed():
    def swallow():
        Source.objects.create(name="Demo")
        with contextlib.suppress(DataError), hot_cursor() as cursor:
            cursor.execute("SELECT 1 / %s::int", [0])

    with pytest.raises(OperationalError, match="rolled back"), transaction.atomic():
        swallow()
    assert not Source.objects.exists()


def test_a_statement_that_the_server_has_forgotten_is_prepared_anew():
    @retried_read
    def read():
        with hot_cursor() as cursor:
            cursor.execute("SELECT %s::int + 4", [1])
            return cursor.fetchone()

    assert read() == (5,)
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert read() == (5,)
    connection.close()


def test_portions_of_locked_rows_and_such_as_nobody_reads_to_the_end():
    Operator.objects.bulk_create(Operator(name=f"Demo {n}", max_load=1) for n in range(30))
    with transaction.atomic():
        rows = Operator.objects.select_for_update().iterator(chunk_size=10)
        assert next(rows).name.startswith("Demo")
        transaction.set_rollback(True)
    del rows
    with transaction.atomic():
        assert Operator.objects.count() == 30
    connection.close()


def test_rows_are_read_in_portions_within_a_transaction():
    Operator.objects.bulk_create(Operator(name=f"Demo {n}", max_load=1) for n in range(30))
    with transaction.atomic():
        portions = Operator.objects.order_by("pk").iterator(chunk_size=10)
        assert next(portions).name == "Demo 0"
        Operator.objects.filter(name="Demo 29").update(max_load=2)
    assert len(list(Operator.objects.iterator(chunk_size=10))) == 30
    connection.close()


def test_behind_a_pooler_it_is_not(monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "prepare_threshold", None)
    connection.close()
    statement = "SELECT %s::int + 2"
    for number in range(10):
        with hot_cursor() as cursor:
            cursor.execute(statement, [number])
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (0,)
    connection.close()


@pytest.fixture
def table():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE demo_numbers (n integer); INSERT INTO demo_numbers VALUES (1)")
    yield "demo_numbers"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE demo_numbers")
    connection.close()


@pytest.mark.parametrize("decorate", [retried, retried_read])
def test_a_plan_that_a_change_of_types_has_outdated_is_made_anew(table, decorate):
    @decorate
    def read():
        with hot_cursor() as cursor:
            cursor.execute(f"SELECT n FROM {table} WHERE n = %s", [1])
            return cursor.fetchall()

    for _ in range(10):
        assert read() == [(1,)]
    other = connections["default"].copy()
    with other.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ALTER n TYPE bigint")
    other.close()
    assert read() == [(1,)]
