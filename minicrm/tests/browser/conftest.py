"""A server on a database of its own, a Chromium, and windows that write down what goes wrong."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from minicrm.tests.browser.launching import find_chromium, launch_arguments
from minicrm.tests.browser.serving import Site, running_site
from minicrm.tests.browser.shop import Shop
from minicrm.tests.browser.thread import BrowserThread
from minicrm.tests.browser.visits import PATIENCE_MS, Visits

NO_CHROMIUM = (
    "There is no Chromium here, and no test in a browser has run. On Debian: apt-get install"
    " chromium; or name one in CHROMIUM."
)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that uses the browser in the browser's thread, with a picture if it fails."""
    thread = pyfuncitem.funcargs.get("browser_thread")
    if thread is None:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    try:
        thread.run(pyfuncitem.obj, **arguments)
    except Exception:
        thread.run(_picture, pyfuncitem)
        raise
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Let the tests that are skipped for want of a Chromium make one line of the summary."""
    report = yield
    if report.skipped and NO_CHROMIUM in str(report.longrepr):
        report.longrepr = (__file__, 0, f"Skipped: {NO_CHROMIUM}")
    return report


def _picture(item: pytest.Function) -> None:
    folder = Path(item.funcargs["output_path"])
    contexts = item.funcargs["visit"].contexts
    for number, page in enumerate(page for context in contexts for page in context.pages):
        with contextlib.suppress(Exception):  # the test's own failure is what counts
            page.screenshot(path=folder / f"{number}.png", timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def program() -> str:
    """Where Chromium is; without one the test is skipped."""
    found = find_chromium()
    if not found:
        pytest.skip(NO_CHROMIUM)
    return found


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], program: str) -> Any:
    """How Chromium is started, besides what the command line says (--headed, --slowmo)."""
    return {**browser_type_launch_args, **launch_arguments(program)}


@pytest.fixture(scope="session")
def browser_thread() -> Iterator[BrowserThread]:
    """The thread of the browser and of the tests that use it."""
    thread = BrowserThread()
    yield thread
    thread.end()


@pytest.fixture(scope="session")
def chromium(
    browser_thread: BrowserThread, browser_type_launch_args: dict[str, Any]
) -> Iterator[Browser]:
    """A running Chromium."""
    playwright = browser_thread.run(sync_playwright().start)
    expect.set_options(timeout=PATIENCE_MS)
    browser = browser_thread.run(playwright.chromium.launch, **browser_type_launch_args)
    yield browser
    browser_thread.run(browser.close)
    browser_thread.run(playwright.stop)


@pytest.fixture(scope="session")
def static_files(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Where the static files are collected, once for all processes of pytest-xdist."""
    own = tmp_path_factory.getbasetemp()
    return (own if worker_id == "master" else own.parent) / "static"


@pytest.fixture(scope="session")
def site(program, static_files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running server with something to show on every page, and awkward cases."""
    with running_site("awkward", tmp_path_factory.mktemp("browser"), static_files) as site:
        yield site


@pytest.fixture(scope="session")
def signed_in() -> dict[str, Any]:
    """The cookies of those who have signed in, by role."""
    return {}


@pytest.fixture
def visit(chromium, site, signed_in, browser_thread, output_path) -> Iterator[Visits]:
    """Opens windows; the test fails if anything is written to a console or refused in any."""
    visits = Visits(chromium, site.address, site.world, signed_in=signed_in)
    yield visits
    browser_thread.run(visits.close)
    assert not visits.bad, "in the browser:\n" + "\n".join(dict.fromkeys(visits.bad))


@pytest.fixture
def shop(site) -> Iterator[Shop]:
    """Makes what a test needs."""
    shop = Shop(site)
    yield shop
    shop.close()
