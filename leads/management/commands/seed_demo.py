"""seed_demo: fill an empty database with a demo."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from random import Random
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from leads.demo.seeding import is_empty, seed_demo
from minicrm.errors import ServiceError


class Command(BaseCommand):
    help = (
        "Fill an empty database with made-up operators, sources and contacts: some hours of"
        " history, open contacts, one operator who is off, one at the limit, and a queue."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        for name, default, lowest, highest, text in (
            ("operators", 7, 3, 200, "how many operators"),
            ("sources", 4, 2, 50, "how many sources"),
            ("contacts", 300, 20, 100_000, "how many contacts, closed ones included"),
            ("hours", 12, 1, 31 * 24, "how many hours the history goes back"),
        ):
            parser.add_argument(
                f"--{name}",
                type=_whole_number(lowest, highest),
                default=default,
                metavar="N",
                help=f"{text}; {lowest} to {highest}, default %(default)s",
            )
        parser.add_argument(
            "--seed", type=int, metavar="N", help="the same demo for the same number"
        )
        parser.add_argument(
            "--if-empty", action="store_true", help="do nothing if there is something already"
        )

    @no_translations
    def handle(self, *, seed: int | None, if_empty: bool, **options: Any) -> None:
        if not is_empty():
            if if_empty:
                return
            raise CommandError(
                "The database has operators or sources already; the demo needs an empty one."
            )
        size = {name: options[name] for name in ("operators", "sources", "contacts", "hours")}
        try:
            statuses = seed_demo(**size, rng=Random(seed))  # noqa: S311
        except ServiceError as error:
            raise CommandError(f"Somebody else fills the database: {error.message}") from error
        counted = ", ".join(f"{number} {status}" for status, number in sorted(statuses.items()))
        self.stdout.write(
            f"Created {size['operators']} operators, {size['sources']} sources and"
            f" {size['contacts']} contacts of the last {size['hours']} hours ({counted})."
        )


def _whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
            raise ArgumentTypeError(f"must be a whole number from {lowest} to {highest}")
        return int(text)

    return convert
