"""What a person says to a move: why, to whom, and whether over the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.models import Operator
from distribution.refusals import REFUSALS
from leads.models import REASON_LENGTH
from leads.moving.moves import Move
from minicrm.schemas import MAX_ID
from minicrm.validators import cleaned_line, validate_line

if TYPE_CHECKING:
    OperatorField = forms.ModelChoiceField[Operator]
else:
    OperatorField = forms.ModelChoiceField

MAX_VERSION = 2**31 - 1  # what the column holds


class OperatorChoice(OperatorField):
    """An active operator, chosen by name, load and limit."""

    def __init__(self) -> None:
        active = Operator.objects.filter(is_active=True).order_by("name", "pk")
        super().__init__(queryset=active, label=capfirst(gettext_lazy("operator")))

    def label_from_instance(self, obj: Operator) -> str:
        """Return the name, and how much of the limit is used."""
        text = (
            _("%(name)s – %(load)d of %(limit)d, at the limit")
            if obj.current_load >= obj.max_load
            else _("%(name)s – %(load)d of %(limit)d")
        )
        return text % {"name": obj.name, "load": obj.current_load, "limit": obj.max_load}


class MoveForm(forms.Form):
    """Why; it may be left out."""

    reason = forms.CharField(
        label=capfirst(gettext_lazy("reason")),
        required=False,
        max_length=REASON_LENGTH,
        validators=[validate_line],
        help_text=gettext_lazy("Shown in the contact’s history."),
    )

    def clean_reason(self) -> str:
        """Return the reason in one line."""
        return cleaned_line(str(self.cleaned_data["reason"]), longest=REASON_LENGTH)

    def arguments(self) -> dict[str, Any]:
        """Return what the services are told, as JSON values."""
        values = dict(self.cleaned_data)
        if "operator" in values:
            values["operator_id"] = values.pop("operator").pk
        return values


class OverLimitForm(MoveForm):
    """Whether the limit may be exceeded; then the reason must be told."""

    over_limit = forms.BooleanField(
        label=capfirst(gettext_lazy("over the limit")),
        required=False,
        help_text=gettext_lazy("Even if the operator is at the limit. Needs a reason."),
    )
    field_order = ["operator", "over_limit", "reason"]

    def clean(self) -> dict[str, Any] | None:
        """Ask for the reason where there must be one."""
        cleaned = super().clean()
        if self.cleaned_data.get("over_limit") and self.cleaned_data.get("reason") == "":
            self.add_error("reason", str(REFUSALS["reason_required"]))
        return cleaned


class ReassignForm(OverLimitForm):
    """Who gets the contacts."""

    operator = OperatorChoice()


def _shown_version() -> forms.IntegerField:
    return forms.IntegerField(min_value=1, max_value=MAX_VERSION, widget=forms.HiddenInput)


class OneMoveForm(MoveForm):
    """A move of one contact, in the version that the user saw."""

    version = _shown_version()


class GiveForm(OverLimitForm):
    """Who gets one contact, in the version that the user saw; the page lists the operators."""

    version = _shown_version()
    operator_id = forms.IntegerField(
        min_value=1,
        max_value=MAX_ID,
        error_messages={"required": gettext_lazy("Choose an operator.")},
    )

    def visible_fields(self) -> list[forms.BoundField]:
        """Return what is left to a template that lists the operators itself."""
        return [field for field in super().visible_fields() if field.name != "operator_id"]


def form_of(move: Move) -> type[MoveForm]:
    """Return what is asked before this move."""
    return ReassignForm if move == Move.REASSIGN else MoveForm


def form_of_one(move: Move) -> type[OneMoveForm | GiveForm]:
    """Return what is asked before one contact is moved so."""
    return GiveForm if move == Move.REASSIGN else OneMoveForm
