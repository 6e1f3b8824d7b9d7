"""Getting about with the keyboard."""

from playwright.sync_api import Page

STOPS = "a[href], button, input, select, textarea, summary, [tabindex]"


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, and can be seen to have it.

    All around the page if need be: how many rows it has depends on the tests that ran before.
    """
    around = page.locator(STOPS).count() + 1  # from wherever the focus is now
    for _ in range(around):
        page.keyboard.press("Tab")
        if page.locator(f"{selector}:focus").count():
            assert page.locator(f"{selector}:focus-visible").count()
            return
    raise AssertionError(f"{selector} cannot be reached with the keyboard in {around} steps")
