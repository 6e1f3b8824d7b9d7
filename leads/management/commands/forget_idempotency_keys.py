"""forget_idempotency_keys: daily housekeeping."""

from typing import Any

from django.core.management.base import BaseCommand, no_translations

from leads.services import idempotency


class Command(BaseCommand):
    help = (
        f"Delete the answers kept for repeated API requests (Idempotency-Key) after"
        f" {idempotency.KEEP_FOR.total_seconds() / 3600:.0f} hours. What imports keep, so that"
        " no row is added twice, stays for ever. Run it daily."
    )

    @no_translations
    def handle(self, **options: Any) -> None:
        self.stdout.write(f"Idempotency keys forgotten: {idempotency.forget_old()}.")
