"""Searching the lists: what is typed finds people, and no address of the browser has it."""

import re
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.slow_on_postgresql, pytest.mark.thorough]

BOXES = {
    "/contacts/": "Number, external id, e-mail or phone",
    "/leads/": "External id, e-mail, phone, or #number",
}


@pytest.fixture
def addresses(visit):
    """Every address that a window of this test asks for."""
    seen = []
    watch = visit._watch

    def listen(context):
        watch(context)
        context.on("request", lambda request: seen.append(unquote(request.url)))

    visit._watch = listen
    return seen


@pytest.mark.parametrize(
    "path", ["/contacts/", pytest.param("/leads/", marks=pytest.mark.thorough)]
)
def test_typing_finds_somebody_and_going_back_shows_all(visit, shop, addresses, path):
    email = shop_contact(shop, path)
    page = visit("supervisor", path)
    rows = page.locator("main tbody tr")
    all_rows = rows.count()
    box = page.get_by_label(BOXES[path])

    box.press_sequentially(email)
    page.wait_for_url("**search=**")
    expect(rows).to_have_count(1)
    expect(box).to_have_value(email)
    expect(box).to_be_focused()
    found_at = page.url

    page.reload()
    expect(rows).to_have_count(1)
    expect(box).to_have_value(email)

    page.goto(path)
    page.go_back()
    expect(page).to_have_url(found_at)
    expect(rows).to_have_count(1)

    box.fill("")
    page.wait_for_url(lambda url: "search=" not in url)
    expect(rows).to_have_count(all_rows)
    page.go_back()
    expect(page).to_have_url(re.compile("search="))
    expect(rows).to_have_count(1)
    expect(box).to_have_value(email)
    assert not [one for one in addresses if email.partition("@")[0] in one]


def shop_contact(shop, path):
    """Make somebody who is found once; return their e-mail."""
    email = f"searched.{'lead' if path == '/leads/' else 'contact'}@example.com"
    contact = shop.contact(shop.source({}), email=email)
    shop.move(contact, "close")
    return email


@pytest.mark.thorough
def test_a_search_stays_while_other_filters_change(visit, shop, addresses):
    email = "filtered@example.com"
    source = shop.source({})
    for contact in [shop.contact(source, email=email) for _ in range(2)][:1]:
        shop.move(contact, "close")
    page = visit("supervisor", "/contacts/")
    rows = page.locator("main tbody tr")
    box = page.get_by_label(BOXES["/contacts/"])
    box.fill(email)
    expect(rows).to_have_count(2)
    token = re.search("search=([^&]+)", page.url)[1]

    page.get_by_label("Status").select_option("closed")
    page.wait_for_url("**status=closed**")

    expect(rows).to_have_count(1)
    expect(box).to_have_value(email)
    assert f"search={token}" in page.url
    expect(page.locator("#export")).to_have_attribute("href", re.compile(f"search={token}"))
    assert not [one for one in addresses if "filtered" in one]


@pytest.mark.thorough
def test_days_in_the_wrong_order_are_told_at_the_field(visit):
    visit.expected.add(422)
    page = visit("supervisor", "/contacts/")
    page.get_by_label("Received from").fill("2030-05-03")
    page.wait_for_url("**received_from=**")
    last = page.get_by_label("Received to")
    last.fill("2030-05-02")

    expect(page.get_by_text("This day is before the first one.")).to_be_visible()
    expect(last).to_have_attribute("aria-invalid", "true")
    expect(last).to_have_value("2030-05-02")
    expect(page.locator("#export")).to_have_count(0)

    last.fill("2030-05-04")
    expect(page.get_by_text("This day is before the first one.")).to_have_count(0)


@pytest.mark.thorough
def test_searches_without_scripts(visit, shop, addresses):
    email = "without.scripts@example.com"
    shop.move(shop.contact(shop.source({}), email=email), "close")
    page = visit("viewer", "/leads/", javascript=False)

    page.get_by_label(BOXES["/leads/"]).fill(email)
    page.get_by_role("button", name="Search").click()

    expect(page.locator("main tbody tr")).to_have_count(1)
    expect(page.get_by_label(BOXES["/leads/"])).to_have_value(email)
    expect(page.locator("main tbody")).to_contain_text("w…s@e…e.com")
    expect(page).to_have_url(re.compile(r"/leads/\?search=[\w-]{22}$"))
    assert not [one for one in addresses if "without" in one]
