"""The Content Security Policy leaves whole what is not ours: Django's admin, the API's pages.

A violation, like any message of the browser's console, fails the test that caused it.
"""

import pytest
from playwright.sync_api import expect

from minicrm.tests.browser.serving import running_site
from minicrm.tests.browser.visits import Visits
from minicrm.tests.choosing import every

pytestmark = [pytest.mark.slow, pytest.mark.slow_on_postgresql, pytest.mark.thorough]
thorough = pytest.mark.thorough  # a server of its own

ADMIN_PAGES = [
    "/admin/",
    "/admin/leads/contact/",
    "/admin/leads/contact/?status__exact=assigned",
    "/admin/leads/lead/",
    "/admin/leads/assignment/",
    "/admin/leads/leadconflict/",
    "/admin/distribution/source/",
    "/admin/distribution/operatorsourceweight/add/",
    "/admin/distribution/apikey/add/",
    "/admin/distribution/auditevent/",
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/auth/group/",
    "/admin/password_change/done/",
]


@pytest.fixture(scope="module")
def whole_site(program, tmp_path_factory):
    """A server that has the static files of the admin and of the API's documentation."""
    with running_site("awkward", tmp_path_factory.mktemp("whole"), None) as site:
        yield site


@pytest.fixture
def look(chromium, whole_site, browser_thread, output_path, visit):
    """Open windows on the whole site; `visit` fails the test for what is said in them."""
    visits = Visits(chromium, whole_site.address, whole_site.world, bad=visit.bad)
    yield visits
    browser_thread.run(visits.close)


@thorough
@pytest.mark.any_database
def test_the_admins_pages_keep_to_it(look):
    page = look("administrator", None)
    for path in ADMIN_PAGES:
        page.goto(path)
        expect(page.locator("#content")).to_be_visible()


@thorough
@pytest.mark.any_database
def test_the_admins_forms_keep_to_it(look):
    page = look("administrator", f"/admin/auth/user/{look.world['user']}/change/")
    page.locator("#id_user_permissions_filter_from, #id_user_permissions_input").first.fill("view")
    page.locator(".datetimeshortcuts a, .vDateField").first.click()
    page.goto(f"/admin/auth/user/{look.world['user']}/delete/")
    expect(page.get_by_role("button", name="Yes, I’m sure")).to_be_visible()
    page.goto(f"/admin/auth/user/{look.world['user']}/history/")

    for table, number in (
        ("distribution/operator", look.world["operator"]),
        ("distribution/source", look.world["source"]),
        ("distribution/apikey", look.world["key"]),
        ("leads/contact", look.world["assigned"]),
        ("leads/lead", look.world["lead"]),
    ):
        page.goto(f"/admin/{table}/{number}/change/")
        expect(page.locator("#content h1")).to_be_visible()


@thorough
@pytest.mark.any_database
def test_the_admins_lists_are_filtered_and_marked(look):
    page = look("administrator", "/admin/leads/contact/")
    page.locator("#action-toggle").check()
    expect(page.locator(".action-counter")).to_contain_text("selected")
    page.locator("#changelist-filter a").nth(2).click()
    page.wait_for_url("**/admin/leads/contact/?*")

    page.goto("/admin/distribution/operatorsourceweight/add/")
    page.locator(".select2-selection").first.click()
    expect(page.locator(".select2-results__option").first).to_be_visible()


@thorough
@pytest.mark.any_database
def test_the_apis_documentation_keeps_to_it(look):
    page = look(None, "/api/v1/docs")

    expect(page.get_by_text("/api/v1/contacts/", exact=False).first).to_be_visible()
    page.locator(".opblock-summary-control").first.click()
    expect(page.locator(".opblock-body").first).to_be_visible()


@pytest.mark.parametrize(
    ("path", "status"), every(2, [("/nothing", 404), ("/users/", 403)], several=True)
)
def test_error_pages_keep_to_it(visit, path, status):
    visit.expected = {status}
    page = visit("viewer", path)

    expect(page.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.thorough
def test_a_form_of_an_earlier_sign_in_is_told_so_where_it_was_sent(visit):
    visit.expected = {403}
    page = visit("supervisor", f"/operators/{visit.world['off_operator']}/")
    for token in page.locator("input[name=csrfmiddlewaretoken]").all():
        token.evaluate("(field) => { field.value = 'x'.repeat(64); }")
    page.locator("form[action$='/switch/'] button").first.click()

    expect(page.get_by_text("The form is too old", exact=False)).to_be_visible()
