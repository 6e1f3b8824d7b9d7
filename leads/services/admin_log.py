"""What the log of Django's admin holds about leads and their contacts."""

from collections.abc import Iterator, Sequence

from django.contrib.admin.models import LogEntry
from django.db.models import Q, QuerySet

from leads.models import LeadConflict
from leads.services.contents import AT_ONCE


def log_entries(
    lead_ids: Sequence[int], contact_ids: Sequence[int]
) -> Iterator[QuerySet[LogEntry]]:
    """Yield what was logged of these leads, their conflicts and these contacts, part by part."""
    either = Q(lead__in=lead_ids) | Q(other_lead__in=lead_ids)
    conflicts = list(LeadConflict.objects.filter(either).values_list("pk", flat=True))
    logged = {"lead": lead_ids, "leadconflict": conflicts, "contact": contact_ids}
    for model, ids in logged.items():
        of_model = LogEntry.objects.filter(
            content_type__app_label="leads", content_type__model=model
        ).order_by("pk")
        for start in range(0, len(ids), AT_ONCE):
            yield of_model.filter(object_id__in=[str(pk) for pk in ids[start : start + AT_ONCE]])
