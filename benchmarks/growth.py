"""Whether an arrival and the pages cost the same however much is stored, or however many work."""

from __future__ import annotations

from benchmarks import arrivals, page_turns, polls, rounds
from benchmarks.arrivals import BARE, KNOWN, NEW
from benchmarks.bars import Bar, at_least, at_most, not_judged, shown, shown_cpu, table
from benchmarks.part import BUSY, OPERATORS, Outcome, Run, say
from benchmarks.rounds import Key, Samples, Take
from benchmarks.running import running_stages
from benchmarks.stage import Stage
from benchmarks.world import Plan

STORED = (1_000, 100_000, 1_000_000)
MANY_OPERATORS = (10, 1_000, 10_000)
QUICK, LARGE = 20_000, 10_000_000
FLAT = 1.1  # 10 % from the smallest world to the largest
FLAT_OPERATORS = 1.4  # from 20 to 1,000


def measure(run: Run) -> Outcome:
    """Measure in all worlds, which are there at the same time."""
    plans = plans_of(run)
    say(f"making {len(plans)} worlds, the largest of {max(p.contacts for p in plans):,} contacts")
    with running_stages(run.database, plans, run.shape) as stages:
        takes: dict[Key, Take] = {}
        for plan, stage in zip(plans, stages, strict=True):
            chosen = {
                Key(key.name, key.connections, name_of(plan)): case
                for key, case in arrivals.cases(stage.world, (BUSY,)).items()
                if key.name in (BARE, NEW) or (key.name == KNOWN and plan.operators == OPERATORS)
            }
            takes |= arrivals.takes_of(stage, chosen)
        samples = rounds.interleaved(takes, rounds=run.rounds, seconds=run.seconds, say=say)
        open_pages: dict[Key, Take] = {}
        for plan, stage in _ends(plans, stages):
            open_pages |= polls.takes_of(stage, name_of(plan))
        polled = rounds.interleaved(open_pages, rounds=run.rounds, seconds=run.seconds, say=say)
        pages = page_turns.measure(
            {name_of(p): s for p, s in zip(plans, stages, strict=True) if p.operators == OPERATORS},
            turns=1 if run.quick else 3,
            rounds=3 if run.quick else 9,
        )
        counts = {name_of(p): s.verify() for p, s in zip(plans, stages, strict=True)}
    lines = ["### Growth, 16 connections", "", *_table(samples, plans)]
    lines += [*polls.told(polled), *page_turns.told(pages)]
    figures = {"samples": arrivals.as_json(samples), "polls": arrivals.as_json(polled)}
    bars = _bars(samples, plans) + polls.bars_of(polled) + page_turns.bars_of(pages)
    if run.large:  # the bars are about a million: more than that is told, not judged
        bars = not_judged(bars)
    return Outcome(lines, figures | {"pages": pages}, counts, bars)


def _ends(plans: list[Plan], stages: list[Stage]) -> list[tuple[Plan, Stage]]:
    """Return the first world and the one with the most contacts."""
    pairs = list(zip(plans, stages, strict=True))
    return [pairs[0], max(pairs, key=lambda pair: pair[0].contacts)]


def plans_of(run: Run) -> list[Plan]:
    """Return the worlds; the first one is what the others are compared with."""
    if run.quick or run.large:
        return [Plan(OPERATORS, STORED[0]), Plan(OPERATORS, LARGE if run.large else QUICK)]
    plans = [Plan(OPERATORS, count) for count in STORED]
    return plans + [Plan(count, STORED[0]) for count in MANY_OPERATORS]


def name_of(plan: Plan) -> str:
    """Return what a world is called in tables."""
    if plan.operators == OPERATORS:
        return f"{plan.contacts:,} contacts"
    return f"{plan.operators:,} operators"


def _table(samples: Samples, plans: list[Plan]) -> list[str]:
    head = ["world", "what", "a second", "CPU ms each", "CPU to the first", "rate to the first"]
    rows = []
    for key, taken in samples.items():
        first = Key(key.name, key.connections, name_of(plans[0]))
        rows.append(
            [
                key.where,
                key.name,
                shown(rounds.spread(one.rate for one in taken), 0),
                shown_cpu(taken),
                *(
                    "" if key == first else shown(rounds.ratio(samples, key, first, of), 2)
                    for of in (rounds.cpu, rounds.rate)
                ),
            ]
        )
    return table(head, rows)


def _bars(samples: Samples, plans: list[Plan]) -> list[Bar]:
    """Compare the largest world, and that of 1,000 operators, with the first."""
    first, largest = name_of(plans[0]), name_of(max(plans, key=lambda plan: plan.contacts))
    judged: list[tuple[str, str, float]] = [(NEW, largest, FLAT), (KNOWN, largest, FLAT)]
    judged += [(NEW, name_of(p), FLAT_OPERATORS) for p in plans if p.operators == 1_000]
    found = []
    for name, where, bar in judged:
        keys = Key(name, BUSY, where), Key(name, BUSY, first)
        what = f"{name}, {where} to {first}"
        found.append(at_most(f"{what}, CPU", rounds.ratio(samples, *keys, rounds.cpu), bar))
        share = rounds.ratio(samples, *keys, rounds.rate)
        found.append(at_least(f"{what}, rate", share, round(1 / bar, 2), timed=True))
    return found
