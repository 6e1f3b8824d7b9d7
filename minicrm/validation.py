"""Pydantic's findings in the API's words."""

from collections.abc import Iterable, Mapping
from typing import Any

# Pydantic's error types by our stable codes; types of our own validators are codes already.
CODES = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "string_too_long": "too_long",
    "too_long": "too_long",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "int_parsing_size": "out_of_range",
    "string_unicode": "forbidden_character",
    "enum": "unknown_value",
}
# Where pydantic's own words are for Python programmers.
MESSAGES = {
    "missing": "Required.",
    "extra_forbidden": "Unknown; check the spelling.",
    "model_attributes_type": "Must be a JSON object.",
    "model_type": "Must be a JSON object.",
    "dict_type": "Must be a JSON object.",
    "list_type": "Must be a JSON array.",
    "string_type": "Must be a string.",
    "string_unicode": "Contains half of a surrogate pair.",
    "int_type": "Must be a whole number.",
    "int_from_float": "Must be a whole number.",
    "bool_type": "Must be true or false.",
}
# How many places of the location name the part of the request and ninja's own parameter.
PREFIX = {"body": 2, "query": 1}


def field_errors(found: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return one {field, code, message} for each of pydantic's errors, without doubles."""
    errors: list[dict[str, str]] = []
    for item in found:
        kind = str(item["type"])
        code = CODES.get(kind, "wrong_type" if _is_type_error(kind) else kind)
        error = {"field": _path(item["loc"]), "code": code, "message": _message(item)}
        if error not in errors:
            errors.append(error)
    return errors


def is_missing_body(item: Mapping[str, Any]) -> bool:
    """Whether the error says that there is no body at all."""
    return item["type"] == "missing" and item["loc"][0] == "body" and len(item["loc"]) == 2


def _is_type_error(kind: str) -> bool:
    return kind.endswith(("_type", "_parsing", "_from_float", "_attributes_type"))


def _message(item: Mapping[str, Any]) -> str:
    if item["type"] == "too_long" and isinstance(item.get("input"), str):
        return f"Must have at most {item['ctx']['max_length']} characters."
    text = MESSAGES.get(str(item["type"]), str(item["msg"])).replace("Input should", "Must", 1)
    return text if text.endswith(".") else f"{text}."


def _path(location: tuple[Any, ...]) -> str:
    """Return the way to the value within the body or query, such as `operators.0.weight`."""
    parts = location[PREFIX.get(str(location[0]), 0) :]
    return ".".join(str(part) for part in parts) or "body"
