"""Every page, in both themes and languages: accessible, and never wider than the window."""

import os

import pytest

from minicrm.tests.browser.checks import too_wide, violations
from minicrm.tests.choosing import every
from minicrm.tests.every_page import PAGES

pytestmark = [pytest.mark.slow, pytest.mark.any_database]

LOOKS = [(theme, language) for theme in ("light", "dark") for language in ("en", "ru")]
NARROW, WIDE = 360, 1920


def pages_for(number: int):
    """Return the pages to check in one look: in CI all, else every third page in one of them."""
    return PAGES if os.environ.get("CI") else PAGES[number * 3 :: len(LOOKS) * 3]


def faults(visit, window, page, *, with_axe: bool = True) -> list[str]:
    """Show a page; return what is wrong with it."""
    window.goto(page.path(visit.world))
    found = violations(window) if with_axe else []
    return [f"{page}: {one}" for one in (*found, *too_wide(window, NARROW, WIDE))]


@pytest.mark.parametrize("number", range(len(LOOKS)), ids=map("-".join, LOOKS))
def test_is_accessible_and_fits(visit, number):
    theme, language = LOOKS[number]
    signed_in = visit("administrator", theme=theme, language=language)
    signed_out = visit(None, theme=theme, language=language)

    found = []
    for page in pages_for(number):
        window = signed_in if page.signed_in else signed_out
        found += faults(visit, window, page)
        assert window.locator("html").get_attribute("lang") == language

    assert not found, "\n".join(found)


@pytest.mark.parametrize(("theme", "language"), every(2, [LOOKS[0], LOOKS[-1]], several=True))
def test_error_pages_are_accessible_and_fit(visit, theme, language):
    visit.expected |= {403, 404}
    window = visit("viewer", path=None, theme=theme, language=language)

    for address, status in (("/nothing-is-here/", 404), ("/keys/", 403)):
        assert window.goto(address).status == status
        assert violations(window) == []
        assert too_wide(window, NARROW, WIDE) == []
        assert window.locator("html").get_attribute("lang") == language
