"""How commands are told which lead they are about."""

from argparse import ArgumentParser

from django.core.management.base import CommandError

from leads.management.arguments import object_id
from leads.models import Lead
from leads.services.registration import checked_keys
from minicrm.errors import Invalid

KEYS = {"external_id": "--external-id", "email": "--email", "phone": "--phone"}


def add_lead_arguments(parser: ArgumentParser) -> None:
    """Let a lead be named by its number, or by one of its keys."""
    parser.add_argument("lead", type=object_id, metavar="LEAD_ID", nargs="?", help="number")
    for name, option in KEYS.items():
        parser.add_argument(
            option,
            dest=name,
            metavar="KEY",
            help="instead of the number: in any spelling, and the one merged into is meant",
        )


def lead_named(lead: int | None, **keys: str | None) -> int:
    """Return the number of the lead that the arguments name. Raises CommandError."""
    given = {name: value for name, value in keys.items() if value is not None}
    if (lead is not None) + len(given) != 1:
        raise CommandError(f"Name one lead: by LEAD_ID or one of {', '.join(KEYS.values())}.")
    if lead is not None:
        return lead
    try:
        present = checked_keys(**given).present()
    except Invalid as error:
        raise CommandError(error.message) from None
    found = Lead.objects.filter(**present).first() if present else None
    if found is None:
        raise CommandError("Nobody is known by that.")
    return found.merged_into_id or found.pk
