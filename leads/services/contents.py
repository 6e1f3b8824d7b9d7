"""What people wrote: what came with a contact, and the reasons given for moving it."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import DateTimeField, F, Value
from django.db.models.functions import Greatest

from leads.models import Assignment, Contact

AT_ONCE = 1_000  # contacts whose contents one statement deletes


def delete_contents(contact_ids: Sequence[int], *, now: datetime) -> None:
    """Delete the contents of contacts whose rows the caller holds; the rest of them counts on.

    Reasons are free text of operators, and likely to be about the person. Those that are closed
    are marked as forgotten; an open one may get further reasons before it is.
    """
    for start in range(0, len(contact_ids), AT_ONCE):
        batch = contact_ids[start : start + AT_ONCE]
        contacts = Contact.objects.filter(pk__in=batch)
        contacts.update(supplied={}, name="", message="", payload={})
        # Never before the closing, else they would be due for ever; clocks are set back at times.
        moment = Greatest(F("closed_at"), Value(now, output_field=DateTimeField()))
        contacts.filter(status=Contact.Status.CLOSED).update(forgotten_at=moment)
        periods = Assignment.objects.filter(contact__in=batch)
        periods.exclude(end_reason="").update(end_reason="")
        _delete_reasons_of_choices(batch)


def _delete_reasons_of_choices(contact_ids: Sequence[int]) -> None:
    """Take the reason out of decision records; who could have had the contact stays."""
    periods = Assignment.objects.filter(contact__in=contact_ids, decision__has_key="reason")
    told = list(periods.only("decision"))
    for period in told:
        del period.decision["reason"]
    Assignment.objects.bulk_update(told, ["decision"], batch_size=100)
