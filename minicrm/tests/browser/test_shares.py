"""The script rounds shares as the server does: both are held to one table."""

import pytest

from distribution.tests.share_cases import EVENED, SHARES

# Nothing here depends on the database.
pytestmark = [pytest.mark.slow, pytest.mark.any_database, pytest.mark.thorough]


@pytest.mark.thorough
def test_script_rounds_shares_as_the_server_does(visit, shop):
    operators = [shop.operator()["id"] for _ in range(5)]
    source = shop.source(dict.fromkeys(operators, 1))
    page = visit("supervisor", f"/sources/{source['id']}/")

    rounded = page.evaluate(
        "(sets) => sets.map(window.roundedShares)", [parts for parts, _ in SHARES]
    )
    assert rounded == [expected for _, expected in SHARES]

    for before, after in EVENED:
        for number, pk in enumerate(operators):
            page.locator(f"#remove-{pk}").set_checked(number >= len(before))
        for pk, weight in zip(operators, before, strict=False):
            page.locator(f"#weight-{pk}").fill(str(weight))
        page.get_by_role("button", name="Even out").click()
        typed = [page.locator(f"#weight-{pk}").input_value() for pk in operators[: len(before)]]
        assert typed == [str(weight) for weight in after]


def test_server_and_script_write_shares_in_the_same_way(visit, shop):
    operators = [shop.operator()["id"] for _ in range(3)]
    source = shop.source(dict(zip(operators, (1, 5_000, 10_000), strict=True)))
    address = f"/sources/{source['id']}/"
    for language in ("en", "ru"):
        written = [
            visit("supervisor", address, language=language, javascript=runs)
            .locator("output")
            .all_text_contents()
            for runs in (False, True)
        ]
        assert written[0] == written[1]
        assert written[0][0].startswith("< 0")
