"""The table of a source's weights: one row per operator, with the shares that come of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from distribution import shares
from distribution.audit import names_of
from distribution.forms.weights import TypedWeights
from distribution.models import Operator, OperatorSourceWeight, Source
from distribution.selection import Candidate

# A list to choose from that a browser can still show.
MOST_CHOICES = 1_000


@dataclass(frozen=True, slots=True)
class WeightRow:
    """One operator of the set. Shares are in tenths of a per cent.

    `was` is the stored weight, None for somebody new in the set; `weight` is what was typed, 0
    for what cannot be read and for those taken out.
    """

    operator: Operator
    text: str
    was: int | None
    weight: int
    is_removed: bool
    is_wrong: bool
    source_is_active: bool
    configured: int
    now: int
    in_fact: int

    @property
    def weight_now(self) -> int:
        """The weight that counts at this moment; `now` is above 0 where it is, or hardly below."""
        return self.weight if self.is_free and self.source_is_active else 0

    @property
    def is_free(self) -> bool:
        """Whether the operator could take a contact, were it not for the weight."""
        return self.operator.is_active and self.operator.current_load < self.operator.max_load


@dataclass(frozen=True, slots=True)
class WeightTable:
    """All rows of a set, and what of the latest contacts went to people who are not in it."""

    rows: list[WeightRow]
    others_in_fact: int
    counted: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What an operator's weight was, what somebody else has saved, what the user typed.

    None stands for: not in the set.
    """

    name: str
    was: int | None
    theirs: int | None
    yours: int | None

    @property
    def differs(self) -> bool:
        """Whether not all three are the same."""
        return not self.was == self.theirs == self.yours

    @property
    def is_clash(self) -> bool:
        """Whether both have changed it, and not to the same."""
        return self.theirs != self.yours and self.was not in (self.theirs, self.yours)


def weights_of(source: Source) -> dict[int, int]:
    """Return a source's stored set by operator id, in their order."""
    rows = OperatorSourceWeight.objects.filter(source=source).order_by("operator_id")
    return dict(rows.values_list("operator_id", "weight"))


def weight_table(source: Source, typed: TypedWeights, counts: Mapping[int, int]) -> WeightTable:
    """Return the table of what was typed; `counts` is who got how many of the latest contacts."""
    found = Operator.objects.filter(pk__in=typed.texts)
    # Who is new in the set comes last, where the form to add them is.
    operators = sorted(found, key=lambda one: (one.pk not in typed.was, one.pk))
    weights, wrong = typed.weights, typed.wrong
    candidates = [_candidate(one, weights.get(one.pk, 0)) for one in operators]
    configured = shares.configured(candidates)
    now = shares.now(candidates, source_is_active=source.is_active)
    in_fact, others = shares.in_fact(counts, configured)
    rows = [
        WeightRow(
            operator=one,
            text=typed.texts[one.pk],
            was=typed.was.get(one.pk),
            weight=weights.get(one.pk, 0),
            is_removed=one.pk in typed.removed,
            is_wrong=one.pk in wrong,
            source_is_active=source.is_active,
            configured=configured[one.pk],
            now=now[one.pk],
            in_fact=in_fact[one.pk],
        )
        for one in operators
    ]
    return WeightTable(rows, others, sum(counts.values()))


def differences(
    typed: TypedWeights, present: Mapping[int, int]
) -> tuple[list[Difference], set[int]]:
    """Return where the three versions of a set differ, and the operators who are gone.

    That is the set as the form showed it, as it is stored now, and as it was typed.
    """
    yours = typed.weights
    concerned = {*typed.was, *present, *yours}
    names = dict(Operator.objects.filter(pk__in=concerned).values_list("pk", "name"))
    gone = concerned - names.keys()
    names |= names_of("operator", gone)
    rows = [
        Difference(
            name=names.get(one, f"#{one}"),
            was=typed.was.get(one),
            theirs=present.get(one),
            yours=yours.get(one),
        )
        for one in sorted(concerned)
    ]
    return [row for row in rows if row.differs], gone


def operators_to_add(typed: TypedWeights) -> tuple[list[Operator], bool]:
    """Return operators who are not in the set, by name, and whether there are more of them."""
    others = Operator.objects.exclude(pk__in=typed.texts).order_by("name", "pk")
    found = list(others.only("name", "is_active")[: MOST_CHOICES + 1])
    return found[:MOST_CHOICES], len(found) > MOST_CHOICES


def sources_to_copy(source: Source) -> list[Source]:
    """Return the other sources that have operators, by name."""
    has_operators = Exists(OperatorSourceWeight.objects.filter(source=OuterRef("pk")))
    others = Source.objects.filter(has_operators).exclude(pk=source.pk)
    return list(others.order_by("name").only("name")[:MOST_CHOICES])


def _candidate(operator: Operator, weight: int) -> Candidate:
    load, limit = operator.current_load, operator.max_load
    return Candidate(operator.pk, weight, load, limit, operator.is_active)
