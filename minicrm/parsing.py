"""Reading request bodies: JSON in UTF-8 and nothing else."""

import json
import math
from collections import Counter
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser
from ninja.types import DictStrAny

from minicrm.problems import Problem

MAX_DIGITS = 400  # the largest double has 309, and a database may write it out


class StrictJSONParser(Parser):
    """Parses bodies by RFC 8259, without the liberties that Python's parser takes."""

    def parse_body(self, request: HttpRequest) -> DictStrAny:
        """Return the JSON value of the body; raises `Problem` with 400 or 415."""
        refuse_other_types(request)
        try:
            text = request.body.decode("utf-8")
            if text.startswith("\ufeff"):
                raise ValueError("a byte order mark (BOM) is in front")
            value: DictStrAny = STRICT.decode(text)
        except UnicodeDecodeError:
            raise Problem(400, "bad_encoding", "The body is not UTF-8.") from None
        except RecursionError:
            raise Problem(400, "not_json", "The body is nested too deeply.") from None
        except ValueError as error:  # JSONDecodeError and our hooks' refusals
            raise Problem(400, "not_json", f"The body is not JSON: {error}.") from None
        return value


def refuse_other_types(request: HttpRequest) -> None:
    """Raise a `Problem` with 415 unless the body is plain JSON."""
    if request.content_type != "application/json":
        raise Problem(
            415, "unsupported_media_type", "Send the body with Content-Type: application/json."
        )
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8"):
        raise Problem(415, "unsupported_charset", "Send the body in UTF-8.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "unsupported_encoding", "Send the body uncompressed.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        [(doubled, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the member {doubled[:40]!a} is there more than once")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is out of range")
    return number


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits is too long")
    return int(digits)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


STRICT = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_finite, parse_int=_integer
)
