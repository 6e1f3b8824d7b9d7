"""Cursors that go past Django's, on both databases, and what they do as Django's do."""

import pytest
from django.db import IntegrityError, OperationalError, ProgrammingError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from distribution.models import Operator
from minicrm.hot_cursor import hot_cursor

pytestmark = pytest.mark.django_db(transaction=True)
INSERT = """
INSERT INTO distribution_operator (name, max_load, current_load, is_active, created_at)
VALUES (%s, %s, 0, %s, '2026-01-01 00:00:00+00:00') RETURNING id, is_active
"""


def test_rows_come_one_by_one_or_all_that_are_left():
    with hot_cursor() as cursor:
        cursor.execute("SELECT %s UNION ALL SELECT %s UNION ALL SELECT %s", ["a", "b", "100 %"])
        assert cursor.fetchone() == ("a",)
        assert cursor.fetchall() == [("b",), ("100 %",)]
        assert cursor.fetchone() is None
        assert cursor.fetchall() == []


def test_errors_are_djangos():
    Operator.objects.create(name="Demo", max_load=1)
    with pytest.raises(IntegrityError), hot_cursor() as cursor:
        cursor.execute(INSERT, ["Other", -1, True])
    with pytest.raises((ProgrammingError, OperationalError)), hot_cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")
    assert Operator.objects.count() == 1


def test_it_is_part_of_the_transaction():
    with transaction.atomic(), hot_cursor() as cursor:
        cursor.execute(INSERT, ["Demo", 1, True])
        assert cursor.fetchone()[1] is True
        transaction.set_rollback(True)
    assert not Operator.objects.exists()


def test_a_broken_transaction_runs_nothing_more():
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError), hot_cursor() as cursor:
            cursor.execute("SELECT 1")


def test_who_wants_to_hear_of_each_statement_does():
    heard = []

    def hear(execute, sql, params, many, context):
        heard.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(hear), hot_cursor() as cursor:
        cursor.execute("SELECT %s", ["a"])
        assert cursor.fetchall() == [("a",)]
    assert heard == [("SELECT %s", ["a"])]
    with CaptureQueriesContext(connection) as captured, hot_cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    assert [query["sql"] for query in captured] == ["SELECT 1"]


def test_a_connection_that_was_closed_is_opened_again():
    connection.close()
    with hot_cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
