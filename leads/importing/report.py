"""What an import says at its end: the rows in numbers, and who got the contacts."""

from collections import Counter
from collections.abc import Iterator

from django.db.models import F

from distribution.fairness import chi_square, shares
from distribution.models import Operator, OperatorSourceWeight, Source
from leads.services.imports import Tally
from minicrm.terminal import duration, table_lines


def summary_lines(tally: Tally, seconds: float, *, dry_run: bool) -> Iterator[str]:
    """Yield what became of the rows; the numbers add up to the rows of the file."""
    speed = tally.total / seconds if seconds else 0
    if dry_run:
        yield "Dry run: nothing was stored."
    assigned = tally.imported - tally.waiting
    details = "" if dry_run else f"  (assigned {assigned}, waiting {tally.waiting})"
    width = len(str(tally.total))
    yield f"imported       {tally.imported:>{width}}{details}"
    yield f"already there  {tally.replayed:>{width}}"
    yield f"rejected       {tally.rejected:>{width}}"
    took = f"in {duration(seconds)}, {speed:.0f} rows per second"
    yield f"total          {tally.total:>{width}}  {took}"


def distribution_lines(tally: Tally) -> Iterator[str]:
    """Yield, for each source, who got how much of what this run assigned."""
    names = dict(Source.objects.filter(pk__in=tally.got).values_list("pk", "name"))
    for source_id, name in sorted(names.items()):
        yield from _source_lines(source_id, name, tally.got[source_id])


def _source_lines(source_id: int, name: str, got: Counter[int]) -> Iterator[str]:
    active = OperatorSourceWeight.objects.filter(source_id=source_id, operator__is_active=True)
    weights = dict(active.values_list("operator_id", "weight"))
    rows = shares(weights, got)
    ids = [row.operator_id for row in rows]
    operators = dict(Operator.objects.filter(pk__in=ids).values_list("pk", "name"))
    yield f"\n{name} (source {source_id}): contacts assigned by this run: {got.total()}"
    table = [
        (
            operators[row.operator_id],
            row.weight,
            _percent(row.target),
            row.got,
            _percent(row.in_fact),
            f"{row.difference:+.1f}",
        )
        for row in rows
    ]
    headers = ("operator", "weight", "target", "got", "in fact", "difference (points)")
    yield from (f"  {line}" for line in table_lines(headers, table))
    test = chi_square(weights, got)
    if test is not None:
        rough = " (rough: few contacts expected of some)" if test.is_rough else ""
        yield f"  chi-square {test.statistic:.2f}, {test.degrees} df, p = {test.p:.4g}{rough}"
    full = Operator.objects.filter(pk__in=weights, current_load__gte=F("max_load")).count()
    if full:
        yield f"  At their limit now: {full} of {len(weights)}; others got what they could not."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
