"""Django validators over `minicrm.text`, for model fields that forms and the admin fill in."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from minicrm.text import clean_line, forbidden_character, is_blank


def validate_line(value: str) -> None:
    """Refuse names that are blank or hold control or bidirectional characters."""
    if is_blank(value):
        raise ValidationError(_("Enter at least one visible character."), code="blank")
    if problem := forbidden_character(value):
        raise ValidationError(
            _("Remove the %(problem)s."), code="forbidden_character", params={"problem": problem}
        )


def cleaned_line(text: str, *, longest: int) -> str:
    """Return a line in its one spelling, which may have more characters than were typed.

    Raises ValidationError when there are too many then.
    """
    line = clean_line(text)
    if len(line) > longest:
        raise ValidationError(_("This is too long."), code="too_long")
    return line
