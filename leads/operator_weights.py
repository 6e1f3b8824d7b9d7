"""An operator's weights over the sources, and what they come to."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from distribution import shares
from distribution.models import OperatorSourceWeight, Source
from distribution.selection import Candidate
from leads.explanations import REASONS


@dataclass(frozen=True, slots=True)
class WeightOfSource:
    """An operator's weight for a source; shares in tenths of a per cent.

    `why_not` says why the operator gets none of the source's contacts at this moment.
    """

    source: Source
    weight: int
    configured: int
    now: int
    why_not: str


def weights_of(operator_id: int) -> list[WeightOfSource]:
    """Return an operator's weights, the largest first, with two queries however many they are."""
    weights = list(
        OperatorSourceWeight.objects.filter(operator_id=operator_id)
        .select_related("source")
        .order_by("-weight", "source__name")
    )
    candidates = _candidates({weight.source_id for weight in weights})
    return [_row(weight, candidates[weight.source_id]) for weight in weights]


def _row(weight: OperatorSourceWeight, candidates: list[Candidate]) -> WeightOfSource:
    operator_id, source = weight.operator_id, weight.source
    reason = next((one.reason() for one in candidates if one.operator_id == operator_id), None)
    why_not = str(REASONS[reason]) if reason else ""
    return WeightOfSource(
        source,
        weight.weight,
        shares.configured(candidates).get(operator_id, 0),
        shares.now(candidates, source_is_active=source.is_active).get(operator_id, 0),
        why_not if source.is_active else _("the source is off"),
    )


def _candidates(source_ids: set[int]) -> dict[int, list[Candidate]]:
    """Return all operators of each source, also of those that are off."""
    rows = OperatorSourceWeight.objects.filter(source_id__in=source_ids).values_list(
        "source_id",
        "operator_id",
        "weight",
        "operator__current_load",
        "operator__max_load",
        "operator__is_active",
    )
    by_source: dict[int, list[Candidate]] = {source_id: [] for source_id in source_ids}
    for source_id, pk, weight, load, limit, is_active in rows.order_by("operator_id"):
        by_source[source_id].append(Candidate(pk, weight, load, limit, is_active))
    return by_source
