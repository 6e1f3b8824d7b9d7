"""Everything a supervisor does all day, in a browser that runs no scripts."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.slow_on_postgresql, pytest.mark.thorough]


def test_a_day_without_scripts(visit, shop):
    operator = shop.operator(is_active=False)
    source = shop.source({operator["id"]: 1})
    contact = shop.contact(source)
    page = visit(None, "/", javascript=False)

    visit.sign_in(page, "supervisor")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()

    page.locator(f"#operator-{operator['id']}").get_by_role("switch").click()
    expect(page.locator(f"#operator-{operator['id']}")).to_contain_text("1 / 10")
    expect(page.locator("#toasts")).to_contain_text(operator["name"])
    assert shop.get(f"/contacts/{contact['id']}")["operator_id"] == operator["id"]

    page.goto(f"/sources/{source['id']}/")
    page.locator(f"#weight-{operator['id']}").fill("7")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(f"#weight-{operator['id']}")).to_have_value("7")
    assert shop.weights(source) == {operator["id"]: 7}

    page.goto("/contacts/")
    page.get_by_label("Status").select_option("assigned")
    page.get_by_label("Source").select_option(source["name"])
    page.get_by_role("button", name="Apply").first.click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(1)
    rows.get_by_role("link", name=f"#{contact['id']}").click()

    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_role("heading", name=f"Contact #{contact['id']}")).to_be_visible()
    expect(page.get_by_role("button", name="Reopen")).to_be_visible()
    assert shop.get(f"/contacts/{contact['id']}")["status"] == "closed"
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Close", exact=True)).to_be_visible()
    assert shop.get(f"/contacts/{contact['id']}")["status"] == "assigned"

    here = page.url
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.get_by_role("button", name="Русский").click()
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    expect(page).to_have_url(here)
    shop.move(contact, "close")


@pytest.mark.thorough
def test_shows_no_control_that_needs_a_script(visit):
    page = visit("administrator", path=None, javascript=False)
    world = visit.world
    addresses = ("/", "/operators/", "/contacts/", f"/contacts/{world['moved']}/", "/keys/")
    for address in (*addresses, f"/sources/{world['source']}/"):
        page.goto(address)
        useless = page.locator(":is([data-copy], [data-dismiss], [data-select-all]):visible")
        assert useless.evaluate_all("found => found.map(one => one.outerHTML)") == [], address
