"""take_next: give an operator, by hand, what has waited longest."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from distribution.models import Source
from leads.management.arguments import object_id
from leads.services import take_next_contact
from minicrm.errors import ServiceError


class Command(BaseCommand):
    help = (
        "Give an operator the contact that has waited longest, in the sources that they have a"
        " weight for, or in the one named. Weights and switches of sources do not count; the"
        " operator's limit does."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("operator", type=object_id, metavar="OPERATOR", help="id")
        parser.add_argument("--source", type=object_id, metavar="ID", help="of this source alone")
        parser.add_argument(
            "--over-limit", action="store_true", help="may exceed the limit; needs a reason"
        )
        parser.add_argument("--reason", default="", help="kept with the contact")

    @no_translations
    def handle(self, *, operator: int, source: int | None, **options: Any) -> None:
        if source is not None and not Source.objects.filter(pk=source).exists():
            raise CommandError(f"There is no source {source}.")
        try:
            taken = take_next_contact(
                operator,
                actor="take_next",
                source_id=source,
                over_limit=options["over_limit"],
                reason=options["reason"],
            )
        except ServiceError as error:
            raise CommandError(error.message) from None
        if taken is None:
            self.stdout.write("Nothing waits.")
        else:
            contact = taken.contact
            self.stdout.write(f"Contact {contact.pk} is now with {contact.operator}.")
