"""Which audit events to show."""

from collections.abc import Collection
from datetime import MAXYEAR, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.timezone import make_aware
from django.utils.translation import gettext_lazy as _

from distribution.event_words import recent_actors
from distribution.forms.days import DayInput
from distribution.models import ACTOR_LENGTH, AuditEvent
from minicrm.schemas import MAX_ID

EVERYTHING = [("", _("all"))]


def _day(label: Any) -> forms.DateField:
    limits = [
        MinValueValidator(datetime(2000, 1, 1).date()),
        # A day of leeway for time zones, and for the end of the day.
        MaxValueValidator(datetime(MAXYEAR, 12, 30).date()),
    ]
    return forms.DateField(
        label=label, required=False, widget=DayInput, input_formats=["%Y-%m-%d"], validators=limits
    )


class HistoryForm(forms.Form):
    """Filters: kind and number of the object, what was done, by whom, and when."""

    object_type = forms.ChoiceField(label=_("Kind"), required=False)
    object_id = forms.IntegerField(
        required=False, min_value=0, max_value=MAX_ID, widget=forms.HiddenInput
    )
    action = forms.ChoiceField(
        label=_("Action"), required=False, choices=[*EVERYTHING, *AuditEvent.Action.choices]
    )
    actor = forms.CharField(label=_("Who"), required=False, max_length=ACTOR_LENGTH)
    since = _day(_("From"))
    until = _day(_("To"))

    def __init__(self, data: QueryDict, *, kinds: Collection[str]) -> None:
        super().__init__(data)
        known = [choice for choice in AuditEvent.ObjectType.choices if choice[0] in kinds]
        self.fields["object_type"].choices = [*EVERYTHING, *known]  # type: ignore[attr-defined]
        chosen = str(self.data.get("actor", "")).replace("\0", "")[:ACTOR_LENGTH]
        choices = [*EVERYTHING, *recent_actors(chosen)]
        self.fields["actor"].widget = forms.Select(choices=choices)
        for field in self.fields.values():
            select = isinstance(field.widget, forms.Select)
            field.widget.attrs["class"] = "form-select" if select else "form-control"

    def clean(self) -> dict[str, Any] | None:
        """Refuse days of which the last comes before the first: nothing ever happened then."""
        cleaned = super().clean()
        first, last = (self.cleaned_data.get(name) for name in ("since", "until"))
        if first and last and first > last:
            self.add_error("until", _("This day is before the first one."))
        return cleaned

    def narrowed(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Return the events that are looked for; a filter that makes no sense is left out."""
        wanted = self.cleaned_data
        for name in ("object_type", "object_id", "action", "actor"):
            if wanted.get(name) not in (None, ""):
                events = events.filter(**{name: wanted[name]})
        if since := wanted.get("since"):
            events = events.filter(at__gte=make_aware(datetime.combine(since, time())))
        if until := wanted.get("until"):
            end = datetime.combine(until + timedelta(days=1), time())
            events = events.filter(at__lt=make_aware(end))
        return events
