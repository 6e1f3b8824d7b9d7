"""Editing in pages that change by themselves, and in dialogs."""

import os
import re

import pytest
from playwright.sync_api import expect

from minicrm.tests.browser.checks import poll, too_wide, violations

pytestmark = [pytest.mark.slow, pytest.mark.slow_on_postgresql]

EDITS = 16 if os.environ.get("CI") else 6
TOKEN = re.compile(r"mcrm_[0-9a-f]{12}_[\w-]{43}")


def test_no_edit_is_lost_while_the_page_is_renewed(visit, shop):
    edited = shop.operator("Test: edited")
    busy = shop.operator("Test: edited by others", max_load=1_000)
    source = shop.source({busy["id"]: 1})
    page = visit("supervisor", "/operators/?q=Test: edited")
    field = page.locator(f"#operator-{edited['id']}-limit")
    news = page.locator(f"#operator-{busy['id']}")
    come = 0

    for number in range(EDITS):
        wanted = str(20 + number)
        field.press("ControlOrMeta+a")
        for digit in wanted:
            page.keyboard.type(digit)
            shop.contact(source)
            come += 1
            poll(page)
            expect(news).to_contain_text(f"{come} / 1,000")
        expect(field).to_be_focused()
        expect(field).to_have_value(wanted)
        page.keyboard.press("Enter")
        expect(page.locator("#toasts")).to_contain_text(wanted)
        expect(field).to_have_value(wanted)
        assert shop.get(f"/operators/{edited['id']}")["max_load"] == int(wanted)


@pytest.mark.thorough
def test_a_limit_that_somebody_else_changed_meanwhile_is_not_overwritten(visit, shop):
    visit.expected.add(409)
    operator = shop.operator("Test: two at a limit")
    mine, theirs = (
        visit(role, "/operators/?q=Test: two at a limit")
        for role in ("supervisor", "other_supervisor")
    )
    my_field, their_field = (
        page.locator(f"#operator-{operator['id']}-limit") for page in (mine, theirs)
    )

    my_field.fill("12")
    their_field.fill("20")
    their_field.press("Enter")
    expect(theirs.locator("#toasts")).to_contain_text("20")
    poll(mine)
    expect(mine.locator(f"#operator-{operator['id']}")).to_contain_text("0 / 20")
    expect(my_field).to_have_value("12")
    my_field.press("Enter")

    expect(mine.locator(f"#operator-{operator['id']} .error")).to_contain_text("20")
    expect(my_field).to_have_value("12")
    assert shop.get(f"/operators/{operator['id']}")["max_load"] == 20


@pytest.mark.thorough
def test_what_could_not_be_sent_is_still_there_afterwards(visit, shop):
    visit.network_may_fail = True
    operator = shop.operator("Test: offline")
    page = visit("supervisor", "/operators/?q=Test: offline")
    field = page.locator(f"#operator-{operator['id']}-limit")

    field.fill("13")
    page.context.set_offline(True)
    field.press("Enter")
    expect(page.locator("#toasts")).not_to_be_empty()
    page.context.set_offline(False)
    contact = shop.contact(shop.source({operator["id"]: 1}))
    poll(page)

    expect(page.locator(f"#operator-{operator['id']}")).to_contain_text("1 / 10")
    expect(field).to_have_value("13")
    shop.move(contact, "close")


@pytest.mark.thorough
def test_going_back_from_a_filter_shows_the_whole_page(visit):
    page = visit("supervisor", "/operators/")
    page.get_by_label("State").select_option("off")
    page.wait_for_url("**state=off**")
    expect(page.locator("#operator-1")).to_have_count(0)

    page.go_back()

    expect(page.locator("#operator-1")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main menu")).to_be_visible()


def test_makes_an_operator_in_a_dialog_and_says_what_is_wrong(visit, shop):
    visit.expected.add(422)
    page = visit("supervisor", "/operators/")
    opener = page.get_by_role("link", name="New operator")
    opener.click()
    dialog = page.get_by_role("dialog", name="New operator")
    expect(dialog).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()

    opener.click()
    dialog.get_by_label("Name").fill("Test: from a dialog")
    dialog.get_by_label("Limit").fill("-1")
    dialog.locator("form").evaluate("form => form.noValidate = true")
    dialog.get_by_role("button", name="Create").click()
    expect(page.get_by_label("Name")).to_have_value("Test: from a dialog")
    expect(page.get_by_label("Limit")).to_have_attribute("aria-invalid", "true")
    assert violations(page) == []

    page.get_by_label("Limit").fill("3")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#toasts")).to_contain_text("Test: from a dialog")
    names = [operator["name"] for operator in shop.get("/operators/?limit=1000")]
    assert names.count("Test: from a dialog") == 1


@pytest.mark.thorough
def test_on_a_phone_dialogs_menus_and_toasts_fit(visit, shop):
    operator = shop.operator()
    page = visit("supervisor", "/operators/", size=(360, 740))
    assert too_wide(page, 360) == []

    page.locator(f"#operator-{operator['id']}-menu summary").click()
    assert too_wide(page, 360) == []
    page.get_by_role("link", name="Edit").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert too_wide(page, 360) == []
    box = page.get_by_role("dialog").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).not_to_be_empty()
    assert too_wide(page, 360) == []


@pytest.mark.thorough
def test_a_new_key_is_shown_once_and_can_be_copied(visit):
    page = visit("administrator", "/keys/")
    page.get_by_role("link", name="New key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Test: shown once")
    dialog.get_by_role("button", name="Make the key").click()

    token = page.locator("#new-key")
    expect(token).to_be_visible()
    shown = token.inner_text()
    assert TOKEN.fullmatch(shown)
    assert violations(page) == []
    assert too_wide(page, 360, 1920) == []
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").first.click()
    assert page.evaluate("navigator.clipboard.readText()") == shown

    page.goto("/keys/")
    expect(page.get_by_text("Test: shown once").first).to_be_visible()
    assert shown not in page.content()
