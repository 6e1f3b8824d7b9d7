"""The overview, live: what others do shows by itself, and what one does shows at once."""

import contextlib
import re

import pytest
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import expect

from minicrm.tests.browser.checks import poll, violations

pytestmark = [pytest.mark.slow, pytest.mark.slow_on_postgresql]


def stay_on(page) -> None:
    """Leave a mark that a page which is loaded anew would not have."""
    page.evaluate("window.isTheSamePage = true")


def is_same(page) -> bool:
    return page.evaluate("window.isTheSamePage === true")


def test_switching_an_operator_on_assigns_who_waits_without_a_reload(visit, shop):
    operator = shop.operator(is_active=False)
    contact = shop.contact(shop.source({operator["id"]: 5}))
    assert contact["status"] == "waiting"
    page = visit("supervisor", "/")
    waiting = page.locator(f"#waiting-{contact['id']}")
    row = page.locator(f"#operator-{operator['id']}")
    expect(waiting).to_be_visible()
    stay_on(page)

    row.get_by_role("switch").click()

    expect(waiting).to_have_count(0)
    expect(row).to_contain_text("1 / 10")
    expect(page.locator("#toasts")).to_contain_text(operator["name"])
    assert is_same(page)
    assert shop.get(f"/contacts/{contact['id']}")["operator_id"] == operator["id"]
    assert violations(page) == []


def test_what_others_do_shows_by_itself(visit, shop):
    operator = shop.operator(max_load=1)
    source = shop.source({operator["id"]: 1})
    page = visit("viewer", "/")
    stay_on(page)
    row = page.locator(f"#operator-{operator['id']}")
    expect(row).to_contain_text("0 / 1")

    first, second = shop.contact(source), shop.contact(source)

    expect(row).to_contain_text("1 / 1")
    expect(page.locator(f"#waiting-{second['id']}")).to_be_visible()
    shop.move(first, "close")
    poll(page)
    expect(page.locator(f"#waiting-{second['id']}")).to_have_count(0)
    shop.move(second, "close")
    poll(page)
    expect(row).to_contain_text("0 / 1")
    assert is_same(page)


def test_assigns_who_waits_by_hand_in_one_click_and_takes_it_back(visit, shop):
    contact = shop.contact(shop.source({}))
    page = visit("supervisor", "/")
    waiting = page.locator(f"#waiting-{contact['id']}")
    stay_on(page)

    waiting.get_by_role("button", name="Assign to").click()

    expect(waiting).to_have_count(0)
    assert shop.get(f"/contacts/{contact['id']}")["status"] == "assigned"
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(waiting).to_be_visible()
    assert is_same(page)
    shop.move(contact, "close")


@pytest.mark.thorough
def test_a_lost_connection_shows_and_comes_back(visit, shop):
    visit.network_may_fail = True
    page = visit("viewer", "/")
    sign = page.locator("#live-sign")
    expect(sign).to_contain_text("live")

    page.context.set_offline(True)
    poll(page)
    expect(sign).to_contain_text("connection lost")
    expect(page.locator("#toasts")).to_contain_text("The connection is lost")

    page.context.set_offline(False)
    expect(sign).to_have_text("live")
    expect(page.locator("#toasts")).not_to_contain_text("The connection is lost")
    operator = shop.operator()
    expect(page.locator(f"#operator-{operator['id']}")).to_be_visible()


@pytest.mark.thorough
def test_asks_what_becomes_of_open_contacts_before_switching_off(visit, shop):
    operator = shop.operator()
    contact = shop.contact(shop.source({operator["id"]: 1}))
    page = visit("supervisor", "/")
    row = page.locator(f"#operator-{operator['id']}")

    row.get_by_role("link", name="switch off").click()

    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert shop.get(f"/operators/{operator['id']}")["is_active"]
    shop.move(contact, "close")


@pytest.mark.thorough
def test_an_answer_older_than_a_change_does_not_bring_the_old_state_back(visit, shop):
    operator = shop.operator()
    page = visit("supervisor", "/")
    switch = page.locator(f"#operator-{operator['id']}-switch")
    late = []
    page.route(re.compile("seen="), lambda route: late.append((route, route.fetch())))
    shop.operator()
    with page.expect_request(re.compile("seen=")):
        poll(page)
    page.wait_for_timeout(300)  # for the answer, which is held back

    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    for route, answer in late[:1]:
        with contextlib.suppress(BrowserError):  # nobody waits for it any more
            route.fulfill(response=answer)
    page.wait_for_timeout(300)

    expect(switch).to_have_attribute("aria-checked", "false")
    page.unroute_all(behavior="ignoreErrors")
