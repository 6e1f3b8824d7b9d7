"""Days in filters."""

from django import forms


class DayInput(forms.DateInput):
    """A browser's own calendar, which speaks ISO 8601 in every language."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d", attrs={"class": "form-control"})
