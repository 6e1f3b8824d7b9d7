"""The project as an app: its commands, its template tags, and its check of the database."""

from django.apps import AppConfig


class MinicrmConfig(AppConfig):
    """What belongs to neither distribution nor leads. Has no models."""

    name = "minicrm"
    verbose_name = "Mini-CRM"

    def ready(self) -> None:
        """Register the check that `manage.py check --database default` runs."""
        from minicrm import database_checks  # noqa: F401
