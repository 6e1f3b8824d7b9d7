"""Every page where there is nothing yet, and where there is very much."""

from collections.abc import Iterator
from typing import Any

import pytest

from minicrm.tests.browser.serving import Site, running_site
from minicrm.tests.browser.test_every_page import faults
from minicrm.tests.every_page import PAGES

pytestmark = [pytest.mark.slow, pytest.mark.thorough, pytest.mark.any_database]


@pytest.fixture(scope="module", params=["empty", "crowd"])
def site(request, program, static_files, tmp_path_factory) -> Iterator[Site]:
    """A server with nothing but users in its database, or with a crowd."""
    folder = tmp_path_factory.mktemp(request.param)
    with running_site(request.param, folder, static_files) as site:
        yield site


@pytest.fixture
def signed_in() -> dict[str, Any]:
    """Nobody yet: the other server's cookies are of no use here."""
    return {}


def test_is_accessible_and_fits(visit):
    pages = [page for page in PAGES if set(page.ids.values()) <= set(visit.world)]
    window = visit("administrator", path=None)

    found = []
    for page in pages:
        if page.signed_in:
            # What axe looks for does not depend on the number of rows; the time it takes does.
            found += faults(visit, window, page, with_axe="token" not in visit.world)

    assert not found, "\n".join(found)
