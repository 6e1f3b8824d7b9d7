"""switch_operator_off: no new contacts for an operator, and what becomes of the open ones."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from leads.management.arguments import object_id
from leads.services import OpenContacts, switch_operator_off
from minicrm.errors import ServiceError


class Command(BaseCommand):
    help = (
        "Switch an operator off. Their open contacts are kept, or all put back into the queue"
        " (requeue), or handed over where others can take them (redistribute). An interrupted run"
        " may be repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("operator", type=object_id, metavar="OPERATOR", help="id")
        parser.add_argument(
            "--open-contacts",
            choices=[choice.value for choice in OpenContacts],
            default=OpenContacts.KEEP.value,
            help="what becomes of them (default: %(default)s)",
        )

    @no_translations
    def handle(self, *, operator: int, open_contacts: str, **options: Any) -> None:
        try:
            done = switch_operator_off(
                operator, actor="switch_operator_off", open_contacts=OpenContacts(open_contacts)
            )
        except ServiceError as error:
            raise CommandError(error.message) from None
        if done.operator.is_active:
            raise CommandError(f"{done.operator.name} was switched on meanwhile.")
        self.stdout.write(
            f"{done.operator.name} is off. Open contacts: {done.moved} moved, {done.kept} kept."
        )
