"""A source's weights: dragged, typed, saved as a set, and changed by two at once."""

import re

import pytest
from playwright.sync_api import expect

from minicrm.tests.browser.keys import tab_to

pytestmark = [pytest.mark.slow, pytest.mark.slow_on_postgresql, pytest.mark.thorough]


@pytest.fixture
def team(shop):
    """Three operators with equal weights for one source: their ids, and the source."""
    operators = [shop.operator()["id"] for _ in range(3)]
    return operators, shop.source(dict.fromkeys(operators, 10))


def shares(page, operators) -> list[float]:
    """Return the configured shares as they are shown, in per cent."""
    texts = [page.locator(f"#configured-{pk}").inner_text() for pk in operators]
    return [float(re.sub(r"[^\d.]", "", text.replace(",", "."))) for text in texts]


def test_dragging_a_weight_moves_all_shares_and_saving_keeps_them(visit, shop, team):
    operators, source = team
    first, second, third = operators
    page = visit("supervisor", f"/sources/{source['id']}/")
    assert shares(page, operators) == pytest.approx([33.3, 33.3, 33.3], abs=0.5)

    box = page.locator(f"#slider-{first}").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    seen = []
    for step in range(1, 6):
        page.mouse.move(box["x"] + box["width"] * step / 5 - 2, box["y"] + box["height"] / 2)
        seen.append(shares(page, operators))
    page.mouse.up()

    for one in range(3):
        assert len({moment[one] for moment in seen}) > 2, "the share stood still while dragging"
    assert sum(seen[-1]) == pytest.approx(100, abs=0.5)
    assert seen[-1][0] > 34 > 33 > seen[-1][1] == seen[-1][2]
    weight = int(page.locator(f"#weight-{first}").input_value())
    assert shop.weights(source)[first] == 10  # not before it is saved
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_be_visible()

    page.reload()
    assert page.locator(f"#weight-{first}").input_value() == str(weight)
    assert shares(page, operators) == seen[-1]
    assert shop.weights(source) == {first: weight, second: 10, third: 10}


@pytest.mark.thorough
def test_changes_a_weight_with_the_keyboard_alone(visit, shop, team):
    operators, source = team
    page = visit("supervisor", f"/sources/{source['id']}/")
    before = shares(page, operators)

    tab_to(page, f"#slider-{operators[1]}")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator(f"#weight-{operators[1]}").input_value() == "12"
    tab_to(page, f"#weight-{operators[2]}")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("38")
    assert shares(page, operators) != before
    page.keyboard.press("Enter")

    expect(page.locator("#toasts")).to_contain_text(source["name"])
    assert list(shop.weights(source).values()) == [10, 12, 38]


@pytest.mark.thorough
def test_two_supervisors_at_one_source_see_both_versions(visit, shop, team):
    operators, source = team
    first, second, third = operators
    visit.expected.add(409)
    mine = visit("supervisor", f"/sources/{source['id']}/")
    theirs = visit("other_supervisor", f"/sources/{source['id']}/")

    theirs.locator(f"#weight-{first}").fill("50")
    theirs.get_by_role("button", name="Save").click()
    expect(theirs.locator("#toasts")).to_contain_text(source["name"])
    mine.locator(f"#weight-{first}").fill("70")
    mine.locator(f"#weight-{second}").fill("5")
    mine.get_by_role("button", name="Save").click()

    conflict = mine.locator(".conflict")
    expect(conflict).to_contain_text("Somebody else has changed these weights")
    expect(conflict.get_by_role("row").filter(has_text="both changed")).to_contain_text(
        re.compile(r"10\s+50\s+70")
    )
    assert shop.weights(source) == {first: 50, second: 10, third: 10}
    mine.get_by_role("button", name="Save mine over it").click()
    expect(conflict).to_have_count(0)
    assert shop.weights(source) == {first: 70, second: 5, third: 10}
