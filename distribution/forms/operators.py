"""What people fill in about operators."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from distribution.forms.edits import EditForm
from distribution.models import MAX_LIMIT, NAME_LENGTH
from minicrm.validators import cleaned_line, validate_line


class LimitField(forms.IntegerField):
    """A limit in plain digits; Python would read "1_0" and Django "10.0" as ten too."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", _("How many open contacts at most; 0 takes nothing."))
        super().__init__(
            label=capfirst(_("limit")), min_value=0, max_value=MAX_LIMIT, step_size=1, **kwargs
        )

    def to_python(self, value: Any) -> int | None:
        """Return the number. Raises ValidationError for anything else."""
        if isinstance(value, str) and not re.fullmatch(r"\s*(-?[0-9]+)?\s*", value):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Let phones show digits."""
        return {**super().widget_attrs(widget), "inputmode": "numeric"}


class LimitForm(EditForm):
    """The limit alone, changed in place."""

    max_load = LimitField()


class OperatorForm(EditForm):
    """A new operator, or what may be changed of one."""

    name = forms.CharField(
        label=capfirst(_("name")),
        max_length=NAME_LENGTH,
        validators=[validate_line],
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
    )
    max_load = LimitField(initial=10)
    is_active = forms.BooleanField(
        label=capfirst(_("on")),
        required=False,
        initial=True,
        help_text=_("Off: gets no new contacts and keeps the open ones."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Names of their own: in a dialog the page around may have fields of the same name.
        super().__init__(*args, auto_id="operator_%s", **kwargs)

    def clean_name(self) -> str:
        """Return the name as the API would store it."""
        return cleaned_line(str(self.cleaned_data["name"]), longest=NAME_LENGTH)


class State(models.TextChoices):
    """What operators can be looked for by."""

    ON = "on", _("on")
    OFF = "off", _("off")
    FREE = "free", _("with free places")
    FULL = "full", _("at the limit")
    UNUSED = "unused", _("without sources")


class OperatorFilter(forms.Form):
    """What the list is narrowed down by; a state that there is not is ignored."""

    q = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=NAME_LENGTH,
        widget=forms.TextInput(
            attrs={"type": "search", "class": "form-control", "autocomplete": "off"}
        ),
    )
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("all")), *State.choices],
        widget=forms.Select(attrs={"class": "form-select"}),
    )
