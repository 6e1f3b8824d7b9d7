"""Getting about with the keyboard."""

from playwright.sync_api import Page

FAR = 120  # presses; there are pages with long tables


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, and can be seen to have it."""
    for _ in range(FAR):
        page.keyboard.press("Tab")
        if page.locator(f"{selector}:focus").count():
            assert page.locator(f"{selector}:focus-visible").count()
            return
    raise AssertionError(f"{selector} cannot be reached with the keyboard")
