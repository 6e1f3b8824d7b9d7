"""Settings and fixtures that all tests share."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import TransactionTestCase
from django.utils import translation
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

IN_CI = bool(os.environ.get("CI"))

# A bounded, repeatable run; a database test may take long at its first example.
hypothesis_settings.register_profile(
    "suite",
    deadline=None,
    derandomize=IN_CI,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("suite")

DATABASE_MARKERS = ("postgresql", "sqlite")
WAITING = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not belong into this run (the markers say why); slow tests first.

    A long test that starts last keeps one process busy while the others have nothing left to do.
    """
    from django.db import connection

    chosen: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    waiting = 0
    for item in items:
        elsewhere = _belongs_elsewhere(item, connection.vendor)
        waits = not elsewhere and not IN_CI and _waits_for_ci(item, connection.vendor)
        (left_out if elsewhere or waits else chosen).append(item)
        waiting += waits
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen
    config.stash[WAITING] = waiting
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def _belongs_elsewhere(item: pytest.Item, vendor: str) -> bool:
    # All of production's programs must be there: `make test-deploy` asks for them.
    if item.get_closest_marker("topology") and not os.environ.get("TOPOLOGY"):
        return True
    # What has nothing to do with the database runs with the default one.
    if item.get_closest_marker("any_database"):
        return vendor != "sqlite"
    return any(item.get_closest_marker(name) and name != vendor for name in DATABASE_MARKERS)


def _waits_for_ci(item: pytest.Item, vendor: str) -> bool:
    if item.get_closest_marker("thorough"):
        return True
    # What hardly depends on the database has been run with the default one.
    return vendor == "postgresql" and item.get_closest_marker("slow_on_postgresql") is not None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Make a skipped test a failure in CI: there nothing may be missing."""
    if hasattr(session.config, "workerinput"):
        session.config.workeroutput["waiting"] = session.config.stash.get(WAITING, 0)
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_CI and reporter and reporter.stats.get("skipped"):
        reporter.write_line("Tests were skipped, which CI does not allow.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over a worker's count of what waits for CI; each of them has found all tests."""
    waiting = getattr(node, "workeroutput", {}).get("waiting", 0)
    node.config.stash[WAITING] = max(waiting, node.config.stash.get(WAITING, 0))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say how many of this database's tests were left out: green must not look like more."""
    if waiting := config.stash.get(WAITING, 0):
        terminalreporter.write_line(
            f"{waiting} more tests wait for CI; with them: CI=1 make test", yellow=True
        )


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup):
    """Make the test's database, and keep hands off SQLite's file."""
    from django.db import connection

    from minicrm.tests.live_file import refuse_opening

    if connection.vendor == "sqlite":
        refuse_opening(connection.settings_dict["NAME"])


@pytest.fixture(scope="session", autouse=True)
def _tables_are_emptied_quickly():
    """After each test that commits."""
    from minicrm.tests.emptying import empty_tables

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TransactionTestCase, "_fixture_teardown", empty_tables)
        yield


@pytest.fixture(autouse=True)
def _language_of_the_settings():
    """A test that asks for a page in Russian leaves that language active in its thread."""
    yield
    translation.activate(django_settings.LANGUAGE_CODE)


@pytest.fixture(autouse=True)
def _keys_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the number of a request's queries would depend on when the one before it was."""
    from distribution import keys

    monkeypatch.setattr(keys, "TRUST_SECONDS", 0)


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is given up after a dozen tries need not wait three seconds for it."""
    from minicrm import transactions

    monkeypatch.setattr(transactions, "LONGEST_PAUSE", 1)


@pytest.fixture(autouse=True)
def _test_settings(settings, tmp_path: Path) -> None:
    """Static files not collected, quick passwords, no rates, nothing in DATA_DIR."""
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.DATA_DIR = tmp_path
    settings.STATIC_ROOT = tmp_path / "static"  # that of `make run` has files
    settings.API_RATE_LIMIT = ""
    settings.WHITENOISE_AUTOREFRESH = True  # else it remarks on the folder that is not there


@pytest.fixture
def viewer(db):
    """A browser in which somebody is signed in who may look at everything, and change nothing."""
    from minicrm.tests.people import sign_in

    return sign_in("viewer")


@pytest.fixture
def supervisor(db):
    """A browser in which somebody is signed in who may change what pages change."""
    from minicrm.tests.people import sign_in

    return sign_in("supervisor")


@pytest.fixture
def administrator(db):
    """A browser in which somebody is signed in who may also see to keys and users."""
    from minicrm.tests.people import sign_in

    return sign_in("administrator")
