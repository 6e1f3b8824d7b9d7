"""Settings from environment variables: right ones arrive, a wrong one stops the start at once."""

import json
import os
import stat
import subprocess
import sys
import time

import pytest
from django.conf import settings

from minicrm.tests.choosing import every

pytestmark = pytest.mark.any_database

MANAGE = [sys.executable, "manage.py"]
LONG = "k" * 50
SHOW = """
import json
from minicrm import settings as s
db = s.DATABASES["default"]
print(json.dumps({"NAME": db["NAME"], "HOST": db.get("HOST"), "PORT": db.get("PORT"),
    "USER": db.get("USER"), "PASSWORD": db.get("PASSWORD"), "ENGINE": db["ENGINE"],
    "OPTIONS": db["OPTIONS"], "KEY": s.SECRET_KEY, "HOSTS": s.ALLOWED_HOSTS,
    "ORIGINS": s.CSRF_TRUSTED_ORIGINS, "LIMIT": s.API_RATE_LIMIT, "REGION": s.PHONE_REGION,
    "HTTPS": s.SESSION_COOKIE_SECURE, "DEBUG": s.DEBUG, "DATA_DIR": str(s.DATA_DIR),
    "RETENTION": s.RETENTION_DAYS}))
"""


@pytest.fixture
def run(tmp_path):
    """Run a program with these variables alone, and with a data folder that is empty at first."""

    def run(command, **variables):
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environ = kept | {"DATA_DIR": str(tmp_path)} | variables
        return subprocess.run(
            command, env=environ, cwd=settings.BASE_DIR, capture_output=True, text=True
        )

    return run


@pytest.fixture
def load(run):
    """Load the settings as another process would; return some of them."""

    def load(**variables):
        result = run([sys.executable, "-c", SHOW], **variables)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return load


def assert_stopped(result, name):
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("mini-crm: ")
    assert name in line
    return line


@pytest.mark.parametrize(
    ("name", "value"),
    every(
        4,
        [
            ("DEBUG", "maybe"),
            ("HTTPS", "2"),
            ("BEHIND_PROXY", "si"),
            ("DB_LOCK_TIMEOUT_MS", "0"),
            ("DB_STATEMENT_TIMEOUT_MS", "3000"),  # not above the lock timeout
            ("DB_LOCK_TIMEOUT_MS", "3s"),
            ("DB_STATEMENT_TIMEOUT_MS", "-1"),
            ("DB_CONN_MAX_AGE", "1.5"),
            ("DB_CONN_MAX_AGE", str(2**31)),
            ("DB_CONN_MAX_AGE", "9" * 5_000),
            ("DB_CONN_MAX_AGE", "\u0661"),
            ("LOG_LEVEL", "LOUD"),
            ("LANGUAGE_CODE", "fr"),
            ("TIME_ZONE", "Mars/Olympus"),
            ("PHONE_REGION", "XX"),
            ("API_RATE_LIMIT", "fast"),
            ("API_RATE_LIMIT", "0/s"),
            ("API_RATE_LIMIT", "10/y"),
            ("API_RATE_LIMIT", "10"),
            ("API_RATE_LIMIT", "10/soff"),
            ("API_RATE_BURST", "0"),
            ("RETENTION_DAYS", "-1"),
            ("RETENTION_DAYS", "36501"),
            ("RETENTION_DAYS", "a month"),
            ("ALLOWED_HOSTS", "https://crm.example.com"),
            ("ALLOWED_HOSTS", "crm.example.com:8000"),
            ("CSRF_TRUSTED_ORIGINS", "crm.example.com"),
            ("CSRF_TRUSTED_ORIGINS", "https://crm.example.com/path"),
            ("DATA_DIR", "/dev/null/data"),
            ("DATA_DIR", "~no-such-account-here/data"),
            ("DATABASE_URL", "nonsense"),
            ("DATABASE_URL", "mysql://u:p@h/n"),
            ("DATABASE_URL", "postgres://host-only"),
            ("DATABASE_URL", "postgres://u:p@h:99999/n"),
            ("DATABASE_URL", "postgres://u:p@h:port/n"),
            ("DATABASE_URL", "postgres://u:p@[::1/n"),
            ("DATABASE_URL", "sqlite://"),
            ("DATABASE_URL", "sqlite:///:memory:"),
            ("DATABASE_URL", "sqlite:///relative.sqlite3"),
            ("DATABASE_URL", "sqlite:////tmp"),
            ("DATABASE_URL", "sqlite:////dev/null/x.sqlite3"),
            ("SECRET_KEY", "short"),
            ("SECRET_KEY", "k" * 49),
        ],
        several=True,
    ),
)
def test_wrong_value_stops_the_start_with_one_line(run, name, value):
    variables = {"SECRET_KEY": LONG} if name in ("DATABASE_URL", "ALLOWED_HOSTS") else {}
    assert_stopped(run([*MANAGE, "check"], **variables, **{name: value}), name)


def test_no_line_repeats_a_secret(run):
    line = assert_stopped(run([*MANAGE, "check"], SECRET_KEY="top-secret"), "SECRET_KEY")
    assert "top-secret" not in line
    url = "postgres://u:pass-word@h:99999/n"
    line = assert_stopped(run([*MANAGE, "check"], SECRET_KEY=LONG, DATABASE_URL=url), "DATABASE")
    assert "pass-word" not in line


def test_blank_values_count_as_unset(run, load):
    names = [
        "DEBUG", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "DATABASE_URL", "SECRET_KEY", "LOG_LEVEL",
        "DB_LOCK_TIMEOUT_MS", "DB_STATEMENT_TIMEOUT_MS", "DB_CONN_MAX_AGE", "API_RATE_LIMIT",
        "PHONE_REGION", "LANGUAGE_CODE", "TIME_ZONE", "HTTPS", "BEHIND_PROXY",
    ]  # fmt: skip
    without = load()
    assert load(**dict.fromkeys(names, " ")) == without
    assert load(ALLOWED_HOSTS=" , ") == without
    assert without["HOSTS"] == ["localhost", "127.0.0.1", "[::1]"]
    assert (without["DEBUG"], without["HTTPS"], without["LIMIT"]) == (False, False, "20/s")


def test_contents_are_kept_unless_days_are_given(load):
    kept = {text: load(RETENTION_DAYS=text)["RETENTION"] for text in ("", "0", "1", "36500")}
    assert kept == {"": None, "0": None, "1": 1, "36500": 36_500}


def test_right_values_arrive(load):
    loaded = load(
        SECRET_KEY=LONG,
        ALLOWED_HOSTS=" crm.example.com, .example.org,[2001:db8::1] ",
        CSRF_TRUSTED_ORIGINS="https://crm.example.com, https://*.example.org:8443",
        API_RATE_LIMIT="600/m",
        PHONE_REGION="gb",
        HTTPS="Yes",
        DEBUG="0",
    )
    assert loaded["HOSTS"] == ["crm.example.com", ".example.org", "[2001:db8::1]"]
    assert loaded["ORIGINS"] == ["https://crm.example.com", "https://*.example.org:8443"]
    assert (loaded["LIMIT"], loaded["REGION"]) == ("600/m", "GB")
    assert (loaded["HTTPS"], loaded["DEBUG"], loaded["KEY"]) == (True, False, LONG)


# The database ---------------------------------------------------------------------------------


def test_sqlite_in_the_data_folder_by_default(load, tmp_path):
    loaded = load()
    assert loaded["NAME"] == str(tmp_path / "minicrm.sqlite3")
    assert loaded["ENGINE"] == "minicrm.databases.sqlite3"
    assert loaded["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_sqlite_elsewhere_in_a_folder_that_is_made(load, tmp_path):
    path = tmp_path / "new" / "folder" / "crm.sqlite3"
    assert load(SECRET_KEY=LONG, DATABASE_URL=f"sqlite:///{path}")["NAME"] == str(path)
    assert path.parent.is_dir()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgresql_with_its_timeouts(load, scheme):
    url = f"{scheme}://us%40er:p%2Fw%23@db.example.com:5433/crm?sslmode=require"
    loaded = load(
        SECRET_KEY=LONG, DATABASE_URL=url, DB_LOCK_TIMEOUT_MS="100", DB_STATEMENT_TIMEOUT_MS="200"
    )
    assert loaded["ENGINE"] == "minicrm.databases.postgresql"
    assert (loaded["USER"], loaded["PASSWORD"]) == ("us@er", "p/w#")
    assert (loaded["HOST"], loaded["PORT"], loaded["NAME"]) == ("db.example.com", 5433, "crm")
    assert loaded["OPTIONS"]["sslmode"] == "require"
    assert loaded["OPTIONS"]["options"] == "-c lock_timeout=100 -c statement_timeout=200"


# The secret key -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "variables",
    [
        {"DATABASE_URL": "postgres://u:p@h/n"},
        {"DATABASE_URL": "sqlite:////tmp/crm-test.sqlite3"},
        {"ALLOWED_HOSTS": "crm.example.com"},
        {"ALLOWED_HOSTS": "localhost,crm.example.com"},
        {"ALLOWED_HOSTS": "*"},
    ],
)
def test_secret_key_is_needed_where_others_can_reach_it(run, variables):
    line = assert_stopped(run([*MANAGE, "check"], **variables), "SECRET_KEY is missing")
    assert "token_urlsafe" in line


def test_secret_key_is_generated_and_kept_for_its_owner_alone(load, tmp_path):
    first, second = load()["KEY"], load()["KEY"]
    kept = tmp_path / "secret_key"
    assert first == second == kept.read_text()
    assert len(first) >= 50
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_secret_key_of_the_environment_is_not_written_down(load, tmp_path):
    assert load(SECRET_KEY=LONG)["KEY"] == LONG
    assert not (tmp_path / "secret_key").exists()


def test_each_installation_generates_another_key(load, tmp_path):
    assert load()["KEY"] != load(DATA_DIR=str(tmp_path / "other"))["KEY"]


@pytest.mark.parametrize("content", ["", "short"])
def test_damaged_key_file_stops_the_start(run, tmp_path, content):
    (tmp_path / "secret_key").write_text(content)
    line = assert_stopped(run([*MANAGE, "check"]), "SECRET_KEY")
    assert str(tmp_path / "secret_key") in line


TOGETHER = """
import sys, time
from pathlib import Path
from minicrm.environment import read_secret_key
start, folder = float(sys.argv[1]), Path(sys.argv[2])
for turn in range(50):
    while time.time() < start + turn / 100:
        pass
    print(read_secret_key(keep_in=folder / str(turn)))
"""


def test_processes_that_start_together_get_the_same_key(tmp_path):
    environ = {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", TOGETHER, str(time.time() + 0.3), str(tmp_path)]
    processes = [
        subprocess.Popen(
            command, env=environ, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    first, second = (process.communicate()[0].split() for process in processes)
    assert first == second
    assert len(set(first)) == 50
    assert len(list(tmp_path.iterdir())) == 50  # and no draft left over
