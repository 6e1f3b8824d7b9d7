"""Bars, tables, and what is written of a run."""

import json

import pytest

from benchmarks import __main__ as command
from benchmarks import arrivals, bars, growth, page_turns, report
from benchmarks.load import LoadError
from benchmarks.part import BUSY, Outcome, Run
from benchmarks.rounds import Key, Sample
from benchmarks.stage import Shape, WorldError
from benchmarks.world import Plan

pytestmark = pytest.mark.any_database

RUN = Run("sqlite", 2, 1.0, Shape(generator="own"))


def rounds_of(rate, cpu, *, p50=10.0, p99=20.0, factors=(1, 2, 4)):
    """Return samples of a machine that gets slower and slower."""
    return [
        Sample(1000, 1000 / rate * factor, cpu * factor, p50 * factor, p50 * factor, p99 * factor)
        for factor in factors
    ]


def arrival_samples(**new):
    return {
        Key(arrivals.BARE, BUSY): rounds_of(1000, 1.0),
        Key(arrivals.INSERT, BUSY): rounds_of(500, 2.0),
        Key(arrivals.NEW, BUSY): rounds_of(**({"rate": 250, "cpu": 5.0} | new)),
    }


def by_name(found):
    return {bar.name: bar for bar in found}


def test_bars_judge_the_median():
    assert bars.at_least("x", (0.25, 0.1, 0.3), 0.25).kept
    assert not bars.at_least("x", (0.249, 0.1, 0.3), 0.25).kept
    assert bars.at_most("x", (1.1, 1.0, 5.0), 1.1).kept
    assert not bars.at_most("x", (1.11, 1.0, 5.0), 1.1).kept
    assert bars.below("x", (29, 29, 29), 30).kept
    assert not bars.below("x", (30, 29, 29), 30).kept


def test_arrivals_are_held_against_both_views_by_cpu_and_by_rate():
    found = by_name(arrivals._bars(arrival_samples()))
    assert found["new leads to bare view, CPU"].measured == "0.20 (0.20-0.20)"
    assert not found["new leads to bare view, CPU"].kept
    assert found["new leads to bare view, rate"].measured == "0.25 (0.25-0.25)"
    assert found["new leads to bare view, rate"].kept
    assert found["new leads to one INSERT, CPU"].measured == "0.40 (0.40-0.40)"
    assert not found["new leads to one INSERT, CPU"].kept
    assert found["new leads to one INSERT, rate"].kept


def test_a_long_tail_is_no_pass():
    assert by_name(arrivals._bars(arrival_samples(p99=79.0)))["p99 / p50, new leads"].kept
    assert not by_name(arrivals._bars(arrival_samples(p99=80.0)))["p99 / p50, new leads"].kept


def test_the_table_of_arrivals_has_a_row_a_case():
    lines = arrivals._table(arrival_samples() | {Key(arrivals.FLOOR, BUSY): rounds_of(3000, 0.2)})
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines if line]
    assert [row[0] for row in cells[2:]] == ["bare view", "one INSERT", "new leads", arrivals.FLOOR]
    new = dict(zip(cells[0], cells[4], strict=True))
    assert new["a second"] == "125 (62-250)"
    assert new["CPU ms each"] == "10.00 (5.00-20.00)"
    assert new["of bare, CPU"] == "0.20 (0.20-0.20)"
    assert new["of INSERT, rate"] == "0.50 (0.50-0.50)"
    assert new["p99 / p50"] == "2.0"


def worlds(*, grown, crowded):
    plans = [Plan(20, 1_000), Plan(20, 1_000_000), Plan(1_000, 1_000)]
    taken = {}
    for name in (arrivals.BARE, arrivals.NEW, arrivals.KNOWN):
        for plan, factor in zip(plans, (1, grown, crowded), strict=True):
            key = Key(name, BUSY, growth.name_of(plan))
            taken[key] = rounds_of(500 / factor, 2 * factor)
    return taken, plans


@pytest.mark.parametrize(("grown", "flat"), [(1.09, True), (1.2, False)])
def test_growth_is_judged_in_the_largest_world(grown, flat):
    found = by_name(growth._bars(*worlds(grown=grown, crowded=1.3)))
    for case in ("new leads", "known leads"):
        bar = found[f"{case}, 1,000,000 contacts to 1,000 contacts, CPU"]
        assert (bar.measured[:4], bar.kept) == (f"{grown:.2f}", flat)
        assert found[f"{case}, 1,000,000 contacts to 1,000 contacts, rate"].kept == flat
    assert found["new leads, 1,000 operators to 1,000 contacts, CPU"].kept


def test_many_operators_may_cost_two_fifths_more():
    found = by_name(growth._bars(*worlds(grown=1, crowded=1.5)))
    assert not found["new leads, 1,000 operators to 1,000 contacts, CPU"].kept


def pages(*, large, queries, poll):
    def world(factor):
        return {
            "bare view": {"ms": [1.0, 2.0], "queries": [0, 0]},
            "overview, poll unchanged": {"ms": [poll, 2 * poll], "queries": [3, 3]},
            "leads": {"ms": [10.0 * factor, 20.0 * factor], "queries": [9, queries]},
        }

    return {"1,000 contacts": world(1), "1,000,000 contacts": world(large)}


@pytest.mark.parametrize(
    ("differs", "missed"),
    [
        ({}, set()),
        ({"large": 2.1}, {"pages, 1,000,000 contacts to 1,000 contacts, worst: leads"}),
        ({"queries": 30}, {"queries of a page, the most"}),
        (
            {"poll": 2.1},
            {"overview, poll unchanged, to the bare view, 1,000,000 contacts"},
        ),
    ],
)
def test_pages_are_held_against_queries_growth_and_polls(differs, missed):
    found = page_turns.bars_of(pages(**({"large": 1.5, "queries": 29, "poll": 1.9} | differs)))
    assert {bar.name for bar in found if not bar.kept} == missed


def test_writes_the_bars_the_parts_and_what_is_void(tmp_path):
    outcome = Outcome(["## A part", "", "told"], {"x": 1}, [bars.at_most("x", (3, 2, 4), 2)])
    data, text = report.write(tmp_path / "new", "one", RUN, {"a": outcome, "b": "1 refused"})
    written = json.loads(data.read_text())["parts"]
    assert written["b"] == {"void": "1 refused"}
    assert written["a"]["x"] == 1
    assert written["a"]["bars"][0]["kept"] is False
    lines = text.read_text().splitlines()
    assert "| x | at most 2 | 3.00 (2.00-4.00) | **no** |" in lines
    assert "told" in lines
    assert "**Void**: 1 refused" in lines
    assert "made by a program of our own" in text.read_text()


@pytest.mark.parametrize("failure", [LoadError("1 refused"), WorldError("promises broken")])
def test_a_void_part_fails_the_run_and_keeps_the_others(monkeypatch, tmp_path, capsys, failure):
    def fail(run):
        raise failure

    parts = {"arrivals": fail, "import": lambda run: Outcome(["kept"], {"x": 1})}
    monkeypatch.setattr(command, "PARTS", parts)
    arguments = ["bench", "--database", "sqlite", "--generator", "own", "--output", str(tmp_path)]
    monkeypatch.setattr("sys.argv", [*arguments, "--only", *parts])
    assert command.main() == 2
    assert f"arrivals is void: {failure}" in capsys.readouterr().err
    written = json.loads((tmp_path / "sqlite.json").read_text())["parts"]
    assert written["arrivals"] == {"void": str(failure)}
    assert written["import"]["x"] == 1
    monkeypatch.setattr("sys.argv", [*arguments, "--only", "import"])
    assert command.main() == 0
