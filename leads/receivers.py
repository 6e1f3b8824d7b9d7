"""Who can be given a contact by hand, with what would happen by itself beside it."""

from __future__ import annotations

from dataclasses import dataclass

from distribution import selection
from distribution.models import Operator
from distribution.services.assignment import candidates_of
from leads.explanations import percent
from leads.models import Contact


@dataclass(frozen=True, slots=True)
class Receiver:
    """An active operator; `weight` is what they have in the draw for the contact's source now."""

    operator: Operator
    weight: int
    chance: str
    is_full: bool

    @property
    def order(self) -> tuple[int, float, str, int]:
        """Return where to list them: who is available first, then by how much is used up."""
        one = self.operator
        used = one.current_load / one.max_load if one.max_load else 1.0
        return -self.weight, used, one.name, one.pk


def receivers_of(contact: Contact) -> list[Receiver]:
    """Return every active operator but the one who has the contact; two queries."""
    candidates = candidates_of([contact.source_id]).get(contact.source_id, [])
    weights = {one.operator_id: one.weight for one in selection.available(candidates)}
    total = sum(weights.values())
    operators = Operator.objects.filter(is_active=True)
    if contact.status == Contact.Status.ASSIGNED and contact.operator_id is not None:
        operators = operators.exclude(pk=contact.operator_id)
    rows = [_receiver(one, weights.get(one.pk, 0), total) for one in operators]
    return sorted(rows, key=lambda row: row.order)


def _receiver(operator: Operator, weight: int, total: int) -> Receiver:
    is_full = operator.current_load >= operator.max_load
    return Receiver(operator, weight, percent(weight, total) if weight else "", is_full)
