"""A column that the database itself changes."""

from typing import TYPE_CHECKING, Any

from django.db.models import BigIntegerField, F, Model

if TYPE_CHECKING:
    Number = BigIntegerField[int, int]
else:
    Number = BigIntegerField


class RenewedByTriggers(Number):
    """A number that triggers change: to save an object leaves it alone, and so does a backup.

    Not so what Django saves raw, such as fixtures.
    """

    is_of_the_database = True

    def pre_save(self, model_instance: Model, add: bool) -> Any:
        """Return the value for a new row; for a stored one, the column itself."""
        return super().pre_save(model_instance, add) if add else F(self.attname)
