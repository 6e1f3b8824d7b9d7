"""Forms over something that others may change while the form is open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


class EditForm(forms.Form):
    """A form that knows what it showed when it was opened, from hidden fields of its own.

    `present` is what the fields are now, None for something new. Only what the user changed is
    written (`changes`). Where somebody else changed the same field meanwhile the form is not valid
    but `stale`: it shows both versions, and sent once more it replaces the other one.
    """

    stale = False

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        present: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data, initial=present, **kwargs)  # type: ignore[arg-type]
        self.present = present or {}
        for name, field in self.fields.items():
            # A script sends no more than the values; those are compared with what is stored.
            told = data is None or self.add_initial_prefix(name) in data
            field.show_hidden_initial = present is not None and told

    def changes(self) -> dict[str, Any]:
        """Return what the user changed, by field."""
        return {name: self.cleaned_data[name] for name in self.changed_data}

    def clean(self) -> dict[str, Any] | None:
        """Refuse what would overwrite somebody else's change unseen."""
        cleaned = super().clean()
        lost = [name for name in self.changed_data if self._changed_by_others(name)]
        for name in lost:
            self.add_error(name, self._theirs(name))
        if lost:
            self.stale = True
            self._take_over_present(lost)
        return cleaned

    def _changed_by_others(self, name: str) -> bool:
        if name not in self.cleaned_data or not self.fields[name].show_hidden_initial:
            return False
        return self.present[name] not in (self._shown(name), self.cleaned_data[name])

    def _shown(self, name: str) -> Any:
        field = self.fields[name]
        raw = field.hidden_widget().value_from_datadict(
            self.data, self.files, self.add_initial_prefix(name)
        )
        try:
            return field.to_python(raw)
        except ValidationError:  # not ours; it counts as something else than what is stored
            return None

    def _theirs(self, name: str) -> str:
        value = self.present[name]
        if isinstance(value, bool):
            value = _("on") if value else _("off")
        text = _("Somebody set this to “%(value)s” meanwhile. Save again to replace that.")
        return text % {"value": value}

    def _take_over_present(self, lost: list[str]) -> None:
        """Show what is stored now, but for what the user typed; that is what comes back next."""
        data = dict(self.data.items())
        for name, value in self.present.items():
            if self.fields[name].show_hidden_initial:
                data[self.add_initial_prefix(name)] = str(value)
            if name not in self.changed_data:
                data[self.add_prefix(name)] = value
        self.data = data
