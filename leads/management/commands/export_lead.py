"""export_lead: everything we hold about a person, as JSON."""

import json
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.core.serializers.json import DjangoJSONEncoder

from leads.management.finding import KEYS, add_lead_arguments, lead_named
from leads.services import export_lead
from minicrm.errors import ServiceError


class Command(BaseCommand):
    help = (
        "Write everything that is stored about a lead as JSON. That it was asked for is recorded"
        " in the history."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_lead_arguments(parser)
        parser.add_argument(
            "--output",
            type=Path,
            metavar="FILE",
            help="a new file, which only this account may read (default: standard output)",
        )

    @no_translations
    def handle(self, *, output: Path | None, **options: Any) -> None:
        number = lead_named(options["lead"], **{name: options[name] for name in KEYS})
        if output is not None and output.exists():
            raise CommandError(f"{output} exists already.")
        try:
            dossier = export_lead(number, actor="export_lead")
        except ServiceError as error:
            raise CommandError(error.message) from None
        text = json.dumps(dossier, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
        if output is None:
            self.stdout.write(text)
            return
        _write_private(output, text)
        self.stdout.write(
            f"Lead {dossier['lead']['id']}: contacts {len(dossier['contacts'])},"
            f" events {len(dossier['history'])}, in {output}."
        )


def _write_private(path: Path, text: str) -> None:
    """Write a new file that is nobody else's from its first byte on."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
