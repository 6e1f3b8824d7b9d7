"""What ninja leaves out of the OpenAPI document: media types, headers and examples of errors."""

from typing import Any

from minicrm.problems import MEDIA_TYPE

# For each status: what it means here, the codes it comes with, and an example of the detail.
ERRORS: dict[int, tuple[str, str, str]] = {
    400: ("Not JSON, not UTF-8, or a member twice", "not_json", "The body is not JSON: …"),
    401: ("No key, or none that is live", "unauthorized", "This key is unknown or revoked."),
    403: ("The key lacks a right", "key_may_not_manage", "This key may not change …"),
    404: ("Not there, or another key's", "source_not_found", "There is no source 7."),
    409: ("The present state does not allow it", "weight_exists", "Operator 1 has a weight …"),
    411: ("No Content-Length", "length_required", "Send the body with a Content-Length header."),
    413: ("Body over 64 KiB", "body_too_large", "The body is larger than 64 KiB."),
    415: ("Not plain JSON", "unsupported_media_type", "Send the body with Content-Type: …"),
    422: ("JSON, but not valid", "invalid_request", "The request is not valid; …"),
    429: ("Over the key's rate", "too_many_requests", "More than 20/s requests with this key, …"),
    500: ("Broken on our side", "internal_error", "Something broke on our side. …"),
    503: ("The database does not answer", "unavailable", "The database does not answer. …"),
}
RETRY_AFTER = {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 0}}
HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    409: {"Retry-After": RETRY_AFTER | {"description": "With idempotency_key_in_use: seconds"}},
    429: {"Retry-After": RETRY_AFTER},
    503: {"Retry-After": RETRY_AFTER},
}
REPLAYED = {
    "description": "`true` when this is an earlier answer again",
    "schema": {"type": "string", "enum": ["true"]},
}
FIELD_ERROR = {"field": "max_load", "code": "out_of_range", "message": "Input should be …"}


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with its error answers and success headers written out."""
    for operations in document["paths"].values():
        for operation in operations.values():
            # Ninja's own summary is the function's name; the docstring's first sentence says more.
            operation["summary"] = operation["description"].partition(". ")[0].rstrip(".")
            for status, answer in operation["responses"].items():
                if int(status) in ERRORS:
                    _describe_error(int(status), answer)
            _describe_body(operation)
            _describe_query(operation)
            _describe_success(operation)
    return document


def _describe_error(status: int, answer: dict[str, Any]) -> None:
    meaning, code, detail = ERRORS[status]
    schema = answer["content"].pop("application/json", None) or answer["content"][MEDIA_TYPE]
    example: dict[str, Any] = {
        "type": f"/api/v1/docs#{code}",
        "title": answer["description"],
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": "5f0c6e0a9b1d4c37",
    }
    if status == 422:
        example["errors"] = [FIELD_ERROR]
    answer["description"] = meaning
    answer["content"] = {MEDIA_TYPE: {"schema": schema["schema"], "example": example}}
    if status in HEADERS:
        answer["headers"] = HEADERS[status]


def _describe_body(operation: dict[str, Any]) -> None:
    """Name the schema of a body that may be left out without ninja's default for it."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if "default" in content["schema"]:
            [content["schema"]] = content["schema"]["allOf"]


def _describe_query(operation: dict[str, Any]) -> None:
    """Say of a parameter that may be left out no more than that: no address can hold a null."""
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        if {"type": "null"} in schema.get("anyOf", ()):
            [given] = [one for one in schema.pop("anyOf") if one != {"type": "null"}]
            schema |= given


def _describe_success(operation: dict[str, Any]) -> None:
    listed = operation["responses"].get(200)
    if listed and listed["content"]["application/json"]["schema"].get("type") == "array":
        listed["headers"] = {
            "Link": {
                "description": 'Address of the next page, rel="next", when there is one',
                "schema": {"type": "string"},
            }
        }
    if any(item["name"] == "Idempotency-Key" for item in operation.get("parameters", ())):
        for status, answer in operation["responses"].items():
            if status < 300:
                answer["headers"] = {"Idempotency-Replayed": REPLAYED}
