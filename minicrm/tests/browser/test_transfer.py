"""How much goes over the wire."""

import sys

import pytest
from playwright.sync_api import expect

from minicrm.tests.browser.checks import poll

# Nothing here depends on the database.
pytestmark = [pytest.mark.slow, pytest.mark.any_database]

FIRST_LOAD = 250_000  # bytes, fonts included
POLL = 15_000


def size(response) -> int:
    """Return how many bytes of body came over the wire."""
    return response.request.sizes()["responseBodySize"]


@pytest.mark.thorough
def test_first_load_and_polls_are_small(visit, shop):
    page = visit("supervisor", path=None)
    answers = []
    page.on("response", lambda response: answers.append(response))
    page.goto("/", wait_until="networkidle")
    page.evaluate("document.fonts.ready")

    sizes = {answer.url.removeprefix(visit.address): size(answer) for answer in answers}
    assert any("inter-" in path for path in sizes)
    assert any("tabler" in path for path in sizes)
    assert sum(sizes.values()) < FIRST_LOAD, sizes

    def answer_to_poll():
        with page.expect_response(lambda response: "seen=" in response.url) as answered:
            poll(page)
        return answered.value

    # Now and then there is news without anybody doing anything: a minute is over.
    assert any(answer_to_poll().status == 204 for _ in range(3))
    operator = shop.operator()
    changed = answer_to_poll()
    assert changed.status == 200
    assert size(changed) < POLL
    expect(page.locator(f"#operator-{operator['id']}")).to_be_visible()
    print_sizes(sizes, size(changed))


def print_sizes(sizes, poll) -> None:
    """Print the figures for the documentation: `pytest -rP`."""
    for path, number in sorted(sizes.items(), key=lambda item: -item[1]):
        sys.stdout.write(f"{number:>7} {path}\n")
    sys.stdout.write(f"{sum(sizes.values()):>7} first load\n{poll:>7} poll\n")
