"""Signing in and out, the language, and the theme."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.slow_on_postgresql]


def test_signs_in_to_the_page_that_was_asked_for_and_out_again(visit):
    page = visit(None, "/sources/")
    expect(page).to_have_title("Sign in – Mini-CRM")

    page.get_by_label("Username").fill(visit.world["names"]["viewer"])
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()

    visit.sign_in(page, "viewer")
    expect(page.get_by_role("heading", name="Sources", level=1)).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto("/sources/")
    expect(page).to_have_title("Sign in – Mini-CRM")


@pytest.mark.thorough
def test_switches_the_language_where_one_is_and_keeps_it(visit):
    page = visit("viewer", "/contacts/?status=closed")

    page.get_by_role("button", name="Русский").click()

    expect(page.get_by_role("heading", name="Обращения", level=1)).to_be_visible()
    expect(page).to_have_url(f"{visit.address}/contacts/?status=closed")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


@pytest.mark.parametrize("device", ["light", "dark"])
@pytest.mark.thorough
def test_switches_the_theme_and_keeps_it_whatever_the_device(visit, device):
    page = visit("viewer", "/sources/", theme="")
    page.emulate_media(color_scheme=device)
    brightness = {"light": lambda value: value > 0.8, "dark": lambda value: value < 0.2}
    assert brightness[device](background(page))

    for label, theme in (("Dark", "dark"), ("Light", "light"), ("As on this device", device)):
        page.get_by_role("button", name=label).click()
        expect(page.get_by_role("button", name=label)).to_have_attribute("aria-pressed", "true")
        assert brightness[theme](background(page)), theme
        page.goto("/")
        assert brightness[theme](background(page)), theme
        page.goto("/sources/")


def background(page) -> float:
    """Return how bright the page's background is, from 0 to 1."""
    red_green_blue = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number)"
    )
    return sum(red_green_blue) / 3 / 255
