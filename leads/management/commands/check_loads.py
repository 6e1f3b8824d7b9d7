"""check_loads: whether each operator's load is the number of their open contacts."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from distribution.models import Operator
from leads.services import check_loads
from minicrm.terminal import table_lines


class Command(BaseCommand):
    help = (
        "Recount the open contacts of every operator and compare them with the load. Exits with"
        " status 1 if some differ and were not repaired. Nothing else may be stopped for it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--repair",
            action="store_true",
            help="make the counted number the load where they differ",
        )

    @no_translations
    def handle(self, *, repair: bool, **options: Any) -> None:
        wrong = list(check_loads(repair=repair, actor="check_loads"))
        if not wrong:
            self.stdout.write(f"No differences. Operators checked: {Operator.objects.count()}.")
            return
        names = Operator.objects.in_bulk([operator_id for operator_id, _, _ in wrong])
        rows = [
            (operator_id, names[operator_id].name, load, counted)
            for operator_id, load, counted in wrong
        ]
        for line in table_lines(("id", "operator", "load", "counted"), rows):
            self.stdout.write(line)
        if not repair:
            raise CommandError(f"Wrong loads: {len(wrong)}; --repair corrects them.")
        self.stdout.write(f"Wrong loads, repaired: {len(wrong)}.")
