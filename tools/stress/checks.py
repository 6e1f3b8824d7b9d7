"""What must hold in the database at any moment, whatever happened before.

Each look is one statement and so sees one moment, also while others write.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Count, F, FilteredRelation, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from distribution.models import Operator
from leads.models import Assignment, Contact, IdempotencyRecord, Lead
from leads.services import assign_waiting

SHOWN = 5


@dataclass(slots=True)
class Finding:
    """What one check looked at, how many of these broke the rule, and some of them in words."""

    check: str
    count: int = 0
    violations: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        """Count a violation; the first ones are kept in words."""
        self.violations += 1
        if len(self.examples) < SHOWN:
            self.examples.append(example)


def found(check: str, count: int, violations: Iterable[str]) -> Finding:
    """Return a finding with these violations."""
    finding = Finding(check, count)
    for violation in violations:
        finding.add(violation)
    return finding


def loads() -> Finding:
    """The load of each operator is the number of contacts assigned to them."""
    assigned = Contact.objects.assigned().filter(operator=OuterRef("pk")).order_by()
    counted = Subquery(assigned.values("operator").annotate(n=Count("pk")).values("n"))
    operators = Operator.objects.annotate(counted=Coalesce(counted, 0))
    wrong = [
        f"operator {pk}: load {load}, contacts {count}"
        for pk, load, count in operators.values_list("pk", "current_load", "counted")
        if load != count
    ]
    return found("load = assigned contacts", Operator.objects.count(), wrong)


def limits(ceilings: Mapping[int, int]) -> Finding:
    """No operator has more contacts than the highest limit that they ever had (`ceilings`)."""
    pairs = Operator.objects.filter(pk__in=ceilings).values_list("pk", "current_load")
    over = [
        f"operator {pk}: load {load}, limit never above {ceilings[pk]}"
        for pk, load in pairs
        if load > ceilings[pk]
    ]
    return found("never over the limit", len(ceilings), over)


def places() -> Finding:
    """No contact waits while somebody who could take it is available."""
    beside = waiting_beside_a_place().values_list("pk", "source_id")
    return found(
        "nobody waits beside a free place",
        Contact.objects.waiting().count(),
        [f"contact {pk} of source {source_id}" for pk, source_id in beside],
    )


def waiting_beside_a_place() -> QuerySet[Contact]:
    """Return the waiting contacts whose source has an available operator."""
    operator = "source__weights__operator"
    return (
        Contact.objects.waiting()
        .filter(
            source__is_active=True,
            source__weights__weight__gt=0,
            **{f"{operator}__is_active": True},
            **{f"{operator}__current_load__lt": F(f"{operator}__max_load")},
        )
        .distinct()
        .order_by("pk")
    )


def open_periods() -> Finding:
    """Each open contact is in one period, with its own operator or in the queue; a closed in none.

    The database itself refuses a second one.
    """
    present = FilteredRelation("assignments", condition=Q(assignments__ended_at=None))
    rows = Contact.objects.annotate(present=present)
    is_open = Q(present__pk__isnull=False)
    same = Q(present__operator=F("operator")) | Q(
        present__operator__isnull=True, operator__isnull=True
    )
    right = Q(status="closed") & ~is_open | ~Q(status="closed") & is_open & same
    wrong = rows.filter(~right).values_list("pk", "status").order_by("pk")
    examples = [f"contact {pk}, {status}" for pk, status in wrong]
    now = Assignment.objects.filter(ended_at=None).order_by()
    several = now.values("contact").annotate(n=Count("pk")).filter(n__gt=1)
    examples += [f"contact {pk} has {n}" for pk, n in several.values_list("contact", "n")]
    return found("one open period per open contact", now.count(), examples)


def no_half_states() -> Finding:
    """No lead without a contact (but for merged ones), no idempotency record without its answer."""
    alone = Lead.objects.filter(contacts=None, merged_into=None)
    halves = [f"lead {pk}" for pk in alone.values_list("pk", flat=True)]
    unanswered = IdempotencyRecord.objects.filter(response__isnull=True).values_list(
        "key", flat=True
    )
    halves += [f"idempotency key {key}" for key in unanswered]
    return found(
        "nothing half stored", Lead.objects.count() + IdempotencyRecord.objects.count(), halves
    )


def nothing_to_assign() -> Finding:
    """The sweep `assign_waiting` finds nothing. Assigns what it does find, so it comes last."""
    waiting = Contact.objects.waiting().count()
    assigned = assign_waiting(actor="assign_waiting")
    return found("assign_waiting finds nothing", waiting, ["a waiting contact"] * assigned)


def at_any_moment(ceilings: Mapping[int, int]) -> list[Finding]:
    """Look at all that can be looked at while others write."""
    return [limits(ceilings), loads(), places(), open_periods()]
