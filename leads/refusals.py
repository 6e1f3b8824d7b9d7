"""Why contacts were not moved, in the user's language."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from django.db import OperationalError
from django.db.transaction import TransactionManagementError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.models import Operator
from distribution.refusals import REFUSALS as DISTRIBUTION_REFUSALS
from leads.models import Contact
from minicrm.errors import Busy, ServiceError
from minicrm.transactions import RunAgain, is_retryable

REFUSALS: dict[str, Any] = {
    **DISTRIBUTION_REFUSALS,
    "contact_not_found": gettext_lazy("It was deleted meanwhile."),
    "contact_closed": gettext_lazy("It is closed; reopen it first."),
    "operator_not_found": gettext_lazy("This operator was deleted meanwhile."),
    "too_long": gettext_lazy("The reason is too long."),
    "contact_not_next": gettext_lazy("Another contact has waited longer."),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a contact was not moved, and what it is instead; kept until it is shown."""

    contact_id: int
    code: str
    message: str = ""
    status: str = ""
    operator_id: int | None = None

    @classmethod
    def of(cls, contact_id: int, error: ServiceError) -> Refusal:
        """Return what is kept of a service's refusal."""
        present = error.present or {}
        return cls(
            contact_id,
            error.code,
            error.message,
            str(present.get("status", "")),
            present.get("operator_id"),
        )

    def facts(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    def text(self, names: Mapping[int, str]) -> str:
        """Return why, with the operators' names."""
        if self.code == "contact_changed":
            status = str(dict(Contact.Status.choices).get(self.status, self.status))
            operator = names.get(self.operator_id or 0)
            if operator:
                return _("It has changed meanwhile: now %(status)s, %(operator)s.") % {
                    "status": status,
                    "operator": operator,
                }
            return _("It has changed meanwhile: now %(status)s.") % {"status": status}
        return str(REFUSALS.get(self.code, self.message))


@contextmanager
def refused_when_busy() -> Iterator[None]:
    """Raise Busy for locks that a service did not get, though it tried again and again."""
    try:
        yield
    except (OperationalError, RunAgain, TransactionManagementError) as error:
        if not is_retryable(error):
            raise
        raise Busy("busy", "Others kept it busy for too long; try it again.") from error


def refusal_lines(refusals: Collection[Refusal]) -> list[tuple[Contact, str]]:
    """Return (contact, why) for each, with one query for all names."""
    ids = {refusal.operator_id for refusal in refusals if refusal.operator_id is not None}
    rows = Operator.objects.filter(pk__in=ids).values_list("pk", "name") if ids else ()
    names = dict(rows)
    return [(Contact(pk=refusal.contact_id), refusal.text(names)) for refusal in refusals]
