"""Why a contact went where it went, in sentences."""

import pytest

from leads.explanations import percent, why

NAMES = {1: "Demo A", 2: "Demo B"}


def candidate(number, weight, **facts):
    return {"operator_id": number, "weight": weight, "load": 0, "limit": 5, **facts}


def drawn(**facts):
    return {
        "method": "weighted_random",
        "operator_id": 1,
        "available_count": 2,
        "total_weight": 65,
        "candidates": [candidate(1, 20), candidate(2, 45)],
        **facts,
    }


OVER = {"method": "manual", "operator_id": 1, "over_limit": True, "reason": "Asked for"}
QUEUED = {"method": "queued", "operator_id": None}


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        (drawn(), "drawn, 31 % chance"),
        (drawn(available_count=1), "drawn, the only one available"),
        (drawn(method="drain"), "from the queue, 31 % chance"),
        (
            drawn(method="redistribution", from_operator_id=2),
            "Demo B was switched off, 31 % chance",
        ),
        (drawn(method="reopening"), "back to its last operator"),
        (OVER, "by hand, over the limit: Asked for"),
        ({"method": "manual", "reason": ""}, "by hand"),
        ({"method": "reassignment", "from_operator_id": 2}, "handed over from Demo B"),
        ({"method": "reassignment", "from_operator_id": 7}, "handed over from #7"),
        (QUEUED, "in the queue"),
        (QUEUED | {"operator_off": 1}, "Demo A was switched off"),
        (QUEUED | {"left_out_count": {}}, "waits, no operator has a weight"),
        (QUEUED | {"source_inactive": True, "left_out_count": {}}, "waits, the source is off"),
        (
            QUEUED | {"left_out_count": {"inactive": 2, "at_limit": 1}},
            "waits, operators left out – off: 2, at the limit: 1",
        ),
    ],
)
def test_says_why_in_a_few_words(decision, text):
    assert why(decision, NAMES).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    "decision",
    [
        {},
        {"method": ["odd"]},
        {"method": "unheard of"},
        {"method": "weighted_random", "candidates": None, "total_weight": "many"},
        {"method": "weighted_random", "candidates": ["odd"], "available_count": None},
        {"method": "queued", "left_out_count": ["odd"], "operator_off": "odd"},
        {"method": "manual", "reason": {"odd": 1}},
    ],
)
def test_makes_do_with_odd_records(decision):
    assert "odd" not in why(decision, NAMES)


@pytest.mark.parametrize(
    ("part", "total", "text"),
    [(20, 65, "31 %"), (1, 1000, "<1 %"), (999, 1000, ">99 %"), (7, 7, "100 %"), (0, 9, "0 %")],
)
def test_a_small_chance_is_not_none_and_a_big_one_is_not_all(part, total, text):
    assert percent(part, total) == text.replace(" ", "\N{NO-BREAK SPACE}")
