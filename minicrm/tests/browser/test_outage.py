"""Pages while the database is gone: they stay, say so, and go on by themselves."""

import re

import pytest
from django.test import RequestFactory
from playwright.sync_api import expect

from minicrm.failures import unavailable_response
from minicrm.request_id import assign_request_id
from minicrm.tests.browser.checks import violations

pytestmark = [pytest.mark.slow, pytest.mark.slow_on_postgresql]

GONE = "The database does not answer at the moment."


def answer_for(request):
    """Answer a browser's request as the server does without its database."""
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": each for name, each in request.headers.items()
    }
    ours = RequestFactory().get("/", **headers)
    assign_request_id(ours)
    ours.COOKIES["theme"] = "dark"
    return unavailable_response(ours)


def without_database(route):
    response = answer_for(route.request)
    headers = {name.lower(): value for name, value in response.items()}
    route.fulfill(status=503, headers=headers, body=response.content.decode())


@pytest.fixture
def visit(visit):
    visit.expected.add(503)
    return visit


@pytest.mark.thorough
def test_a_live_page_stays_says_so_and_goes_on(visit, shop):
    page = visit("viewer", "/")
    sign = page.locator("#live-sign")
    expect(sign).to_have_text("live")
    content = page.locator("#content h1").inner_text()

    page.route("**/*", without_database)
    expect(sign).to_contain_text("connection lost")
    expect(page.locator("#toasts")).to_contain_text(GONE)
    assert page.locator("#content h1").inner_text() == content

    page.unroute("**/*")
    expect(sign).to_have_text("live")
    expect(page.locator("#toasts")).not_to_contain_text(GONE)
    operator = shop.operator()
    expect(page.locator(f"#operator-{operator['id']}")).to_be_visible()


@pytest.mark.thorough
def test_the_page_shown_instead_comes_back_by_itself(visit):
    page = visit("viewer", None)
    page.route(re.compile(r"/(readyz)?$"), without_database)
    page.goto("/")
    expect(page.locator("h1")).to_have_text("Not available at the moment")
    expect(page.locator("main")).to_contain_text(GONE)
    expect(page.locator(".request-id code")).to_be_visible()
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
    assert violations(page) == []

    page.unroute_all()
    expect(page.locator("#live-sign")).to_have_text("live")
