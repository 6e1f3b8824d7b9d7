"""A column that the database itself changes."""

from typing import TYPE_CHECKING, Any

from django.db.models import BigIntegerField, F, Model

if TYPE_CHECKING:
    Number = BigIntegerField[int, int]
else:
    Number = BigIntegerField


class RenewedByTriggers(Number):
    """A number that triggers change: to save an object leaves it as the database has it."""

    def pre_save(self, model_instance: Model, add: bool) -> Any:
        """Return what is to be stored: of a row that is there already, what it has."""
        return super().pre_save(model_instance, add) if add else F(self.attname)
