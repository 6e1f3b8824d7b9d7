"""Whether each operator's load is the number of their open contacts."""

from collections.abc import Iterator

from distribution.models import Operator
from distribution.services import recount_load
from leads.models import Contact


def check_loads(*, repair: bool, actor: str) -> Iterator[tuple[int, int, int]]:
    """Recount all operators; yield (operator id, load, counted) for each that differs."""
    for operator_id in Operator.objects.values_list("pk", flat=True).order_by("pk"):
        wrong = recount_load(operator_id, count=_open_contacts, repair=repair, actor=actor)
        if wrong is not None:
            yield operator_id, *wrong


def _open_contacts(operator_id: int) -> int:
    return Contact.objects.assigned().filter(operator_id=operator_id).count()
