"""Django validators over `minicrm.text`, for model fields that forms and the admin fill in."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from minicrm.text import forbidden_character, is_blank


def validate_line(value: str) -> None:
    """Refuse names that are blank or hold control or bidirectional characters."""
    if is_blank(value):
        raise ValidationError(_("Enter at least one visible character."), code="blank")
    if problem := forbidden_character(value):
        raise ValidationError(
            _("Remove the %(problem)s."), code="forbidden_character", params={"problem": problem}
        )
