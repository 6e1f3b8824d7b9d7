"""What PostgreSQL has planned for a few rows is not kept for many.

It keeps the plan of a statement that a connection has prepared until the table is analysed anew,
which may be minutes later. For a few rows that is to read them all.
"""

from uuid import uuid4

import pytest
from django.db import connection, transaction

from leads.identity import LeadKeys
from leads.services import idempotency
from leads.services.arrival_sql import find_lead
from leads.services.batches import answers_to
from leads.services.idempotency import IMPORT_SCOPE, Once
from minicrm.hot_cursor import hot_cursor

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

FEW, MANY = 20, 10_000
OFTEN = 15  # PostgreSQL keeps the plan of the sixth of a prepared statement
FILL = """
INSERT INTO leads_idempotencyrecord (scope, key, digest, response, created_at)
SELECT 'import', 'row ' || n, 'digest', '{"id": 1}', now() FROM generate_series(%s, %s) AS n;
INSERT INTO leads_lead (external_id, name, created_at)
SELECT 'person ' || n, 'Demo', now() FROM generate_series(%s, %s) AS n
"""
READ = """
SELECT sum(seq_tup_read) FROM pg_stat_xact_user_tables
WHERE relname IN ('leads_idempotencyrecord', 'leads_lead')
"""


@transaction.atomic
def keep_an_answer():
    record = idempotency.begin(scope="test", key=uuid4().hex, digest="digest")
    idempotency.finish(record, {"id": 1})


def find_answers():
    keys = [f"row {number}" for number in range(1, 10)]
    assert answers_to(Once(IMPORT_SCOPE, key) for key in keys)


@transaction.atomic
def find_a_lead():
    assert find_lead(LeadKeys(external_id="person 7"), name="")


def find_by_a_prepared_statement():
    with hot_cursor() as cursor:
        cursor.execute("SELECT id FROM leads_lead WHERE external_id = %s", ["person 7"])
        assert cursor.fetchone()


@pytest.fixture
def read_after_growth():
    """Return a function that says how many rows a job reads by walking through tables."""

    def measure(job):
        fill(1, FEW)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE leads_idempotencyrecord, leads_lead")
        for _ in range(OFTEN):
            job()
        fill(FEW + 1, MANY)
        with transaction.atomic():  # the figures are of what the server has not passed on yet
            before = rows_walked()
            job()
            return rows_walked() - before

    yield measure
    connection.close()


def rows_walked():
    with connection.cursor() as cursor:
        cursor.execute(READ)
        return cursor.fetchone()[0]


def fill(first, last):
    with connection.cursor() as cursor:
        cursor.execute(FILL, [first, last] * 2)


@pytest.mark.parametrize("job", [keep_an_answer, find_answers, find_a_lead])
def test_rows_are_found_by_an_index_as_soon_as_they_are_many(job, read_after_growth):
    assert read_after_growth(job) == 0


def test_a_prepared_statement_would_read_them_all(read_after_growth):
    assert read_after_growth(find_by_a_prepared_statement) == MANY
