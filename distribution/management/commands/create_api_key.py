"""create_api_key: make a key for a bot or a form."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from distribution.keys import create_api_key
from distribution.models import ApiKey, Source
from minicrm.schemas import MAX_ID
from minicrm.text import clean_line


class Command(BaseCommand):
    help = (
        "Create an API key and print it, alone, on standard output. It is shown this once and"
        " cannot be had again. Example: KEY=$(manage.py create_api_key 'Telegram bot' --source 1)"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the key is for, such as the bot's name")
        parser.add_argument(
            "--source",
            type=int,
            metavar="ID",
            help="the one source whose contacts the key posts and reads; default: those of all",
        )
        parser.add_argument(
            "--manage",
            action="store_true",
            help="let the key change operators, sources and weights too; not with --source",
        )

    @no_translations
    def handle(self, *, name: str, source: int | None, manage: bool, **options: Any) -> None:
        bound = None if source is None else _source(source)
        if bound is not None and manage:
            raise CommandError("A key that may manage is for all sources; leave out --source.")
        row, token = create_api_key(
            name=_checked_name(name), source=bound, can_manage=manage, actor="create_api_key"
        )
        scope = f"source {bound.pk} ({bound.name})" if bound else "all sources"
        right = ", may manage" if manage else ""
        self.stderr.write(
            f"API key {row.prefix} “{row.name}” for {scope}{right}. Shown once, keep it safe.",
            self.style.NOTICE,
        )
        self.stdout.write(token)


def _source(source_id: int) -> Source:
    source = Source.objects.filter(pk=source_id).first() if 0 < source_id <= MAX_ID else None
    if source is None:
        known = [f"{pk} ({name})" for pk, name in Source.objects.values_list("pk", "name")[:10]]
        raise CommandError(
            f"There is no source {source_id}. There are: {', '.join(known) or 'none yet'}."
        )
    return source


def _checked_name(name: str) -> str:
    """Return the name as it is stored; refuse what the model's own validators refuse."""
    cleaned = clean_line(name)
    try:
        return str(ApiKey._meta.get_field("name").clean(cleaned, None))
    except ValidationError as error:
        raise CommandError(f"The name will not do: {' '.join(error.messages)}") from None
