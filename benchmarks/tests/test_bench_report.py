"""Bars, tables, and what is written of a run."""

import json
import subprocess

import psycopg
import pytest

from benchmarks import __main__ as command
from benchmarks import arrivals, bars, growth, page_turns, polls, report
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
    assert found["new leads to bare view, CPU"].measured == "0.20"
    assert not found["new leads to bare view, CPU"].kept
    assert found["new leads to bare view, rate"].measured == "0.25"
    assert found["new leads to bare view, rate"].kept
    assert found["new leads to INSERT view, CPU"].measured == "0.40"
    assert not found["new leads to INSERT view, CPU"].kept
    assert found["new leads to INSERT view, rate"].kept


def test_a_long_tail_is_no_pass():
    assert by_name(arrivals._bars(arrival_samples(p99=79.0)))["p99 to p50, worst: new leads"].kept
    late = arrival_samples() | {Key(arrivals.KNOWN, BUSY): rounds_of(250, 5.0, p99=80.0)}
    assert not by_name(arrivals._bars(late))["p99 to p50, worst: known leads"].kept


def judged(found, generator):
    return {bar.name: bar.kept for bar in bars.judged(found, generator=generator)}


def test_rates_and_times_are_not_judged_where_our_own_generator_limits_them():
    found = arrivals._bars(arrival_samples()) + growth._bars(*worlds(grown=1, crowded=1))
    by_cpu = {bar.name for bar in found if bar.name.endswith("CPU")}
    assert len(by_cpu) == 5
    with_wrk, with_own = judged(found, "wrk"), judged(found, "own")
    assert None not in with_wrk.values()
    assert {name for name, kept in with_own.items() if kept is not None} == by_cpu
    assert all(with_own[name] == with_wrk[name] for name in by_cpu)


def test_what_was_measured_may_be_told_alone():
    found = growth._bars(*worlds(grown=3, crowded=1))
    assert False in {bar.kept for bar in found}
    told = bars.not_judged(found)
    assert {bar.kept for bar in told} == {None}
    assert [bar.measured for bar in told] == [bar.measured for bar in found]


def test_the_table_of_arrivals_has_a_row_a_case():
    few = {Key(arrivals.NEW, 1): rounds_of(80, 5.0), Key(arrivals.FLOOR, BUSY): rounds_of(3e3, 0.2)}
    lines = arrivals._table(arrival_samples() | few)
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines if line]
    names = [row[0] for row in cells[2:]]
    assert names == [
        "bare view", "INSERT view", "new leads", "new leads, 1 connection", arrivals.FLOOR
    ]  # fmt: skip
    new = dict(zip(cells[0], cells[4], strict=True))
    assert new["a second"] == "125 (62-250)"
    assert new["CPU ms each"] == "10.00"
    assert new["of bare view, CPU / rate"] == "0.20 / 0.25"
    assert new["of INSERT view, CPU / rate"] == "0.40 / 0.50"
    assert new["p50 / p95 / p99 ms"] == "20.0 / 20.0 / 40.0"
    assert cells[5][3:5] == ["", ""]


def test_the_database_s_part_of_the_cpu_time_is_told_beside_the_application_s():
    both = [Sample(1000, 1, 3.0, database=1.0), Sample(1000, 1, 5.0, database=2.0)]
    assert bars.shown_cpu(both) == "2.50 + 1.50"
    assert bars.shown_cpu([Sample(1000, 1, 3.0)]) == "3.00"


def test_a_spread_of_nothing_is_told_as_one_figure():
    assert bars.shown((2.0, 1.0, 4.0), 1) == "2.0 (1.0-4.0)"
    assert bars.shown((2.0, 2.0, 2.0), 1) == "2.0"
    assert bars.shown(None, 1) == ""


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


def pages(*, large, queries):
    def world(factor):
        return {
            "bare view": {"ms": [1.0, 2.0], "queries": [0, 0]},
            "overview, poll unchanged": {"ms": [5.0, 10.0], "queries": [1, 1]},
            "leads": {"ms": [10.0 * factor, 20.0 * factor], "queries": [9, queries]},
        }

    return {"1,000 contacts": world(1), "1,000,000 contacts": world(large)}


@pytest.mark.parametrize(
    ("differs", "missed"),
    [
        ({}, set()),
        ({"large": 2.1}, {"pages, 1,000,000 contacts to 1,000 contacts, worst: leads"}),
        ({"queries": 30}, {"queries of a page, most"}),
    ],
)
def test_pages_are_held_against_queries_and_growth(differs, missed):
    found = page_turns.bars_of(pages(**({"large": 1.5, "queries": 29} | differs)))
    assert {bar.name for bar in found if not bar.kept} == missed


@pytest.mark.parametrize(("cost", "kept"), [(1.9, True), (2.1, False)])
def test_a_poll_is_held_against_the_bare_view_by_cpu_where_it_comes_off_worst(cost, kept):
    taken = {}
    for where, factor in (("1,000 contacts", cost), ("1,000,000 contacts", 1.5)):
        taken[Key(polls.BARE, BUSY, where)] = rounds_of(900, 1.0)
        taken[Key("overview, poll unchanged", BUSY, where)] = rounds_of(10, factor)
        taken[Key("overview, poll changed", 1, where)] = rounds_of(10, 300.0)
    (bar,) = polls.bars_of(taken)
    assert bar.name == "overview, poll unchanged, to bare view, CPU, worst: 1,000 contacts"
    assert (bar.measured, bar.kept, bar.timed) == (f"{cost:.2f}", kept, False)
    cells = [line.strip("| ").split(" | ") for line in polls.told(taken) if line[:1] == "|"]
    assert cells[2][1] == "bare view"
    assert cells[3][1:] == [
        "overview, poll unchanged",
        "5 (2-10)",
        f"{2 * cost:.2f}",
        f"{cost:.2f}",
    ]


def test_writes_the_bars_the_parts_and_what_is_void(tmp_path):
    counts = {"": dict.fromkeys(report.COUNTS, 1234)}
    held = bars.judged(
        [bars.at_most("x", (3, 2, 4), 2), bars.at_least("y", (1, 1, 1), 2, timed=True)],
        generator=RUN.shape.generator,
    )
    outcome = Outcome(["### A part", "", "told"], {"x": 1}, counts, held)
    data, text = report.write(tmp_path / "new", "one", RUN, {"a": outcome, "b": "1 refused"})
    written = json.loads(data.read_text())["parts"]
    assert written["b"] == {"void": "1 refused"}
    assert written["a"]["x"] == 1
    assert written["a"]["bars"][0]["kept"] is False
    lines = text.read_text().splitlines()
    assert "| x | at most 2 | 3.00 (2.00-4.00) | **fail** |" in lines
    assert "| y | at least 2 | 1.00 | not judged |" in lines
    assert "told" in lines
    assert "**Void**: 1 refused" in lines
    assert "| a | 1,234 | 1,234 | 1,234 | 1,234 | 1,234 | 1,234 |" in lines
    prose = " ".join(lines)
    assert "made by a program of our own" in prose
    assert "they are told, but not judged" in prose
    assert max(len(line) for line in lines) <= 120


TIMEOUT = subprocess.TimeoutExpired(["wrk", "-t1", "-c16", "Authorization: Bearer secret"], 64)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (LoadError("1 refused"), "1 refused"),
        (WorldError("promises broken"), "promises broken"),
        (TIMEOUT, "wrk -t1 -c16 had not ended after 64 s"),
        (ConnectionResetError(104, "reset"), "ConnectionResetError: [Errno 104] reset"),
        (FileNotFoundError(2, "no such program"), "FileNotFoundError: [Errno 2] no such program"),
        (psycopg.OperationalError("refused"), "OperationalError: refused"),
    ],
)
def test_a_void_part_fails_the_run_and_keeps_the_others(
    monkeypatch, tmp_path, capsys, failure, reason
):
    def fail(run):
        raise failure

    parts = {"arrivals": fail, "import": lambda run: Outcome(["kept"], {"x": 1}, {})}
    monkeypatch.setattr(command, "PARTS", parts)
    arguments = ["bench", "--database", "sqlite", "--generator", "own", "--output", str(tmp_path)]
    monkeypatch.setattr("sys.argv", [*arguments, "--only", *parts])
    assert command.main() == 2
    assert f"arrivals is void: {reason}\n" in capsys.readouterr().err
    written = json.loads((tmp_path / "sqlite.json").read_text())["parts"]
    assert written["arrivals"] == {"void": reason}
    assert written["import"]["x"] == 1
    monkeypatch.setattr("sys.argv", [*arguments, "--only", "import"])
    assert command.main() == 0


def test_bars_are_judged_by_what_made_the_load(monkeypatch, tmp_path):
    bar = bars.at_least("rate", (3, 2, 4), 2, timed=True)
    monkeypatch.setattr(command, "PARTS", {"import": lambda run: Outcome([], {}, {}, [bar])})
    arguments = ["bench", "--database", "sqlite", "--output", str(tmp_path), "--only", "import"]
    monkeypatch.setattr("sys.argv", [*arguments, "--generator", "own"])
    assert command.main() == 0
    (written,) = json.loads((tmp_path / "sqlite.json").read_text())["parts"]["import"]["bars"]
    assert written["kept"] is None
