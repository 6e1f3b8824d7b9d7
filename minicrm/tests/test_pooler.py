"""Behind PgBouncer nothing is left to a session; that the role has timeouts is looked at.

The whole of it, with a real PgBouncer: deploy/tests.
"""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection

PRINT = """
import json, minicrm.settings as settings
database = settings.DATABASES["default"]
print(json.dumps([database.get("DISABLE_SERVER_SIDE_CURSORS", False), database["OPTIONS"]]))
"""


def start(**extra):
    neutral = {name: value for name, value in os.environ.items() if not name.startswith("DB_")}
    own = {"DATABASE_URL": "postgres://demo:demo@127.0.0.1:1/demo", "SECRET_KEY": "k" * 60}
    return subprocess.run(
        [sys.executable, "-c", PRINT],
        cwd=settings.BASE_DIR,
        env=neutral | own | extra,
        capture_output=True,
        text=True,
    )


@pytest.mark.any_database
def test_behind_a_pooler_nothing_is_left_to_a_session():
    without_cursors, options = json.loads(start(DB_POOLER="transaction").stdout)
    assert without_cursors is True
    assert options["prepare_threshold"] is None
    assert "options" not in options


@pytest.mark.any_database
def test_directly_the_timeouts_are_said_at_connecting():
    without_cursors, options = json.loads(start(DB_POOLER="").stdout)
    assert without_cursors is False
    assert options["options"] == "-c lock_timeout=3000 -c statement_timeout=8000"


@pytest.mark.any_database
def test_another_kind_of_pooler_stops_the_start():
    ended = start(DB_POOLER="session")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "DB_POOLER" in ended.stderr


@pytest.mark.postgresql
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("lock", "statement", "expected"),
    [
        ("3s", "8s", []),
        ("0", "8s", ["minicrm.W001"]),
        ("3s", "0", ["minicrm.W002"]),
        ("3s", "3s", ["minicrm.W003"]),
        ("0", "0", ["minicrm.W001", "minicrm.W002"]),
    ],
)
def test_check_looks_at_the_timeouts_in_effect(lock, statement, expected):
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [lock])
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [statement])
    messages = run_checks(tags=["database"], databases=["default"])
    assert [message.id for message in messages if message.id.startswith("minicrm")] == expected


@pytest.mark.sqlite
@pytest.mark.django_db
def test_check_has_nothing_to_say_of_sqlite():
    messages = run_checks(tags=["database"], databases=["default"])
    assert [message.id for message in messages if message.id.startswith("minicrm")] == []
