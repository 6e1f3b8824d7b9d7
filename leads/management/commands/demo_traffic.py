"""demo_traffic: made-up contacts for a running application, and their end, through its API."""

import os
from argparse import ArgumentTypeError
from random import Random
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from leads.demo.client import ApiClient, Refused, Unreachable, is_this_machine
from leads.demo.handling import Handling
from leads.demo.traffic import Traffic
from minicrm.local_access import read_access

MAX_RATE = 1_000.0
MAX_SECONDS = 7 * 24 * 3600.0
DEFAULT_SECONDS = 60.0
DEFAULT_HANDLING = 30.0


class Command(BaseCommand):
    help = (
        "Send made-up contacts to a running Mini-CRM through its API, and say who got them. With a"
        " key that may manage, close them again after a while, as operators would; contacts that"
        " are not made up are left alone. Ends after a minute, or as told; Ctrl-C ends it earlier."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url",
            help="where it runs; default: where `make run` last started it, or http://127.0.0.1:8000",
        )
        parser.add_argument(
            "--key",
            help="the API key; default: the variable MINICRM_API_KEY, or the key of `make run`."
            " Better not typed here: other users of this machine can see command lines",
        )
        parser.add_argument(
            "--source",
            type=int,
            action="append",
            metavar="ID",
            help="a source to send through, may be repeated; default: all that the key may use",
        )
        parser.add_argument(
            "--rate",
            type=_positive(MAX_RATE),
            default=1.0,
            metavar="N",
            help="contacts per second, default %(default)s",
        )
        bound = parser.add_mutually_exclusive_group()
        bound.add_argument(
            "--count", type=_count, metavar="N", help="how many contacts, however long it takes"
        )
        bound.add_argument(
            "--duration",
            type=_positive(MAX_SECONDS),
            default=DEFAULT_SECONDS,
            metavar="SECONDS",
            help="for how long, default %(default).0f",
        )
        handling = parser.add_mutually_exclusive_group()
        handling.add_argument(
            "--handling",
            type=_positive(MAX_SECONDS),
            default=DEFAULT_HANDLING,
            metavar="SECONDS",
            help="after how long a contact is closed, on average, default %(default).0f",
        )
        handling.add_argument("--keep-open", action="store_true", help="close nothing")
        parser.add_argument(
            "--seed", type=int, metavar="N", help="the same contacts for the same N"
        )
        parser.add_argument(
            "--allow-remote", action="store_true", help="send to another machine than this one"
        )

    @no_translations
    def handle(self, **options: Any) -> None:
        client = _client(options)
        traffic = Traffic(
            self.stdout,
            client,
            Random(options["seed"]),  # noqa: S311
            handling=_handling(client, options),
        )
        try:
            traffic.find_sources(options["source"])
            seconds = MAX_SECONDS if options["count"] else options["duration"]
            traffic.run(rate=options["rate"], count=options["count"], seconds=seconds)
        except KeyboardInterrupt:
            self.stdout.write("")  # the terminal shows ^C in this line
        except (Unreachable, Refused) as error:
            traffic.summarise()
            raise CommandError(str(error)) from None
        finally:
            client.close()
        traffic.summarise()


def _handling(client: ApiClient, options: dict[str, Any]) -> Handling | None:
    if options["keep_open"]:
        return None
    # A generator of its own: how long things take must not change what is sent.
    rng = Random(options["seed"])  # noqa: S311
    return Handling(client, rng, seconds=options["handling"])


def _client(options: dict[str, Any]) -> ApiClient:
    kept = read_access(settings.DATA_DIR)
    url = options["url"] or kept.url or "http://127.0.0.1:8000"
    key = options["key"] or os.environ.get("MINICRM_API_KEY", "").strip()
    if not key and is_this_machine(url):
        key = kept.api_key
    if not options["allow_remote"] and not is_this_machine(url):
        raise CommandError(
            f"{url} is not on this machine; --allow-remote sends there all the same."
        )
    if not key:
        raise CommandError(
            "There is no API key: give --key or set MINICRM_API_KEY; `make run` makes one,"
            " manage.py create_api_key another."
        )
    if not (key.isascii() and key.isprintable()):
        raise CommandError("The API key holds characters that no key has.")
    try:
        return ApiClient(url, key)
    except ValueError as error:
        raise CommandError(str(error)) from None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000):
        raise ArgumentTypeError("must be a whole number from 1 to 1000000")
    return int(text)


def _positive(highest: float) -> Any:
    def convert(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        if not 0 < number <= highest:
            raise ArgumentTypeError(f"must be a number above 0, at most {highest:.0f}")
        return number

    return convert
