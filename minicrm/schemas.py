"""What the API's schemas are built of: strict types with clear refusals."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from django.utils import timezone
from ninja import Field
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, JsonValue
from pydantic_core import PydanticCustomError

from minicrm.patterns import Described, line_pattern, text_pattern, visible_pattern
from minicrm.text import clean_line, forbidden_character, is_blank

MAX_ID = 2**63 - 1
MAX_PAYLOAD_DEPTH = 20


class RequestSchema(BaseModel):
    """A request body: unknown members are refused, and no value is bent into another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


def refuse(code: str, message: str) -> PydanticCustomError:
    """Return the error that a validator raises, to be answered as one of the problem's `errors`."""
    # The message reaches pydantic as a value, not as its template: it may hold braces.
    return PydanticCustomError(code, "{message}", {"message": message})


def _check_text(text: str, *, multiline: bool) -> str:
    if problem := forbidden_character(text, multiline=multiline):
        raise refuse("forbidden_character", f"Contains a {problem}.")
    return text


def _line(text: str) -> str:
    return clean_line(_check_text(text, multiline=False))


def _optional_line(text: str) -> str:
    line = _line(text)
    return "" if is_blank(line) else line


def _visible_line(text: str) -> str:
    if is_blank(text):
        raise refuse("blank", "Must have at least one visible character.")
    return _line(text)


def _text(text: str) -> str:
    return _check_text(text, multiline=True)


def _payload(value: Any) -> Any:
    if isinstance(value, dict):
        _check_json(value, depth=1)
    return value


def _check_json(value: Any, *, depth: int) -> None:
    """Refuse what a database cannot keep or a reader cannot see, at any depth."""
    if depth > MAX_PAYLOAD_DEPTH:
        raise refuse("too_deep", f"Is nested deeper than {MAX_PAYLOAD_DEPTH} levels.")
    if isinstance(value, str):
        _check_text(value, multiline=True)
    elif isinstance(value, int) and not -MAX_ID <= value <= MAX_ID:
        raise refuse("out_of_range", "Contains a whole number of more than 64 bits.")
    elif isinstance(value, dict):
        for key, member in value.items():
            _check_text(key, multiline=False)
            _check_json(member, depth=depth + 1)
    elif isinstance(value, list):
        for member in value:
            _check_json(member, depth=depth + 1)


def _in_utc(moment: datetime) -> datetime:
    try:
        return (timezone.make_aware(moment) if timezone.is_naive(moment) else moment).astimezone(
            UTC
        )
    except (OverflowError, ValueError):
        raise refuse("out_of_range", "This moment is beyond the calendar.") from None


def _iso(value: Any) -> Any:
    """Refuse bare numbers: pydantic would take them for seconds since 1970."""
    if isinstance(value, str) and not re.match(r"\d{4}-\d\d-\d\d", value):
        raise refuse("wrong_type", "Must be a moment by ISO 8601, such as 2030-01-31T12:00:00Z.")
    return value


def _digits(value: Any) -> Any:
    """Let only plain digits through: pydantic would read " 1", "+1" and "1_0" as numbers too."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) < 20):
        raise refuse("wrong_type", "Must be a whole number in plain digits.")
    return value


# The id of an object, as the database numbers them.
ObjectId = Annotated[int, Field(ge=1, le=MAX_ID)]
# One line of text, possibly empty: normalised to NFC, without white space around it.
Line = Annotated[str, AfterValidator(_line), Described(line_pattern)]
# One line where a blank one counts as none.
OptionalLine = Annotated[str, AfterValidator(_optional_line), Described(line_pattern)]
# One line with something to see in it, such as a name.
VisibleLine = Annotated[str, AfterValidator(_visible_line), Described(visible_pattern)]
# Text of several lines.
Text = Annotated[str, AfterValidator(_text), Described(text_pattern)]
# A JSON object with free content. Checked before pydantic, which gives up on deep nesting and
# half surrogate pairs with errors of its own, at places that the caller would not recognise.
Payload = Annotated[dict[str, JsonValue], BeforeValidator(_payload)]
# A moment of a query; without an offset it is taken in the server's time zone.
Moment = Annotated[datetime, BeforeValidator(_iso), AfterValidator(_in_utc)]
# Whole numbers of a query, and ids among them. The limits come first: behind a validator of our
# own, pydantic would not write them into the document of a parameter that may be left out.
QueryInt = Annotated[int, BeforeValidator(_digits)]
QueryId = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(_digits)]
QueryLastId = Annotated[int, Field(ge=0, le=MAX_ID), BeforeValidator(_digits)]

# Text of a query: a blank filter that matches everything would be a surprise.
QueryText = VisibleLine

# The default of a member that may be left out but not be null: defaults are not validated.
LEFT_OUT: Any = None
