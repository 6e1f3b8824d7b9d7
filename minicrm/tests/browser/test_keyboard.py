"""Pages without a mouse."""

import pytest
from playwright.sync_api import expect

from minicrm.tests.browser.keys import tab_to

pytestmark = [pytest.mark.slow, pytest.mark.slow_on_postgresql, pytest.mark.thorough]


@pytest.mark.thorough
def test_skips_the_menu_opens_another_and_leaves_it(visit, shop):
    operator = shop.operator()
    page = visit("supervisor", "/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('main') !== null")

    tab_to(page, f"#operator-{operator['id']}-menu summary")
    page.keyboard.press("Enter")
    item = page.locator(f"#operator-{operator['id']}-menu").get_by_role("link", name="Edit")
    expect(item).to_be_visible()
    page.keyboard.press("Escape")
    expect(item).to_be_hidden()
    expect(page.locator(f"#operator-{operator['id']}-menu summary")).to_be_focused()


def test_switches_an_operator_and_undoes_it(visit, shop):
    operator = shop.operator()
    page = visit("supervisor", "/")
    switch = page.locator(f"#operator-{operator['id']}-switch")
    tab_to(page, f"#operator-{operator['id']}-switch")

    page.keyboard.press("Space")
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(switch).to_be_focused()
    assert not shop.get(f"/operators/{operator['id']}")["is_active"]

    tab_to(page, "#toasts form button")
    page.keyboard.press("Enter")
    expect(switch).to_have_attribute("aria-checked", "true")
    assert shop.get(f"/operators/{operator['id']}")["is_active"]
