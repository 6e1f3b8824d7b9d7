"""assign_waiting: the safety net under the queue."""

from typing import Any

from django.core.management.base import BaseCommand, no_translations

from leads.services import assign_waiting


class Command(BaseCommand):
    help = (
        "Give waiting contacts to operators with free places. Whatever frees a place does that"
        " already, so this should find nothing to do; run it after changes made around the"
        " application, such as a restored backup."
    )

    @no_translations
    def handle(self, **options: Any) -> None:
        assigned = assign_waiting(actor="assign_waiting")
        self.stdout.write(
            f"Waiting contacts assigned: {assigned}." if assigned else "Nothing to do."
        )
