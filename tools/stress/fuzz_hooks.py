"""What schemathesis is told to do besides (its setting SCHEMATHESIS_HOOKS): to keep every answer.

A line of JSON for each answer, and for each failure, goes to the file that FUZZ_ANSWERS names.
"""

import json
import os
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData

PROBLEM = "application/problem+json"
MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}
# Refusals (code, field) of what the document allows: rules that JSON Schema has no words for.
UNSAYABLE = {
    ("idempotency_key_reused", ""),  # it stands for what was sent before
    ("required", "source_id"),  # with a key for all sources, which ours is
    ("duplicate", "operators"),  # the same operator twice, with two weights
    ("invalid_email", "email"),  # more than "format": "email" says
    ("invalid_phone", "phone"),  # whether it can be dialled
    ("invisible_character", "external_id"),  # in its normal form
    ("out_of_range", "created_after"),  # in the year 1, but in UTC in the year 0
    ("out_of_range", "created_before"),
    ("out_of_range", "payload"),  # numbers, levels and characters at any depth
    ("too_deep", "payload"),
    ("forbidden_character", "payload"),
}
# JSON Schema takes 1.0 for an integer. It would become another type on its way, so we do not.
INTEGRAL = "Must be a whole number."
LONGEST = 400  # characters of an example

# Numbers that are reserved for fiction.
schemathesis.openapi.format(
    "phone", strategies.integers(0, 999).map(lambda number: f"+44 20 7946 0{number:03}")
)


def keep(record: dict[str, Any]) -> None:
    """Append a line to the file."""
    with Path(os.environ["FUZZ_ANSWERS"]).open("a") as file:
        file.write(json.dumps(record) + "\n")


def what_is_wrong(status: int, headers: dict[str, list[str]], content: bytes) -> str:
    """Return which promise about all answers this one breaks, or nothing."""
    if status >= 500:
        return "5xx"
    if 300 <= status < 400:
        return "redirect"
    if status >= 400 and not is_problem(status, headers, content):
        return "another format"
    return ""


def is_problem(status: int, headers: dict[str, list[str]], content: bytes) -> bool:
    """Whether an answer is an error in the one format."""
    try:
        problem = json.loads(content)
    except ValueError:
        return False
    return (
        headers.get("content-type") == [PROBLEM]
        and isinstance(problem, dict)
        and problem.keys() >= MEMBERS
        and problem["status"] == status
        and headers.get("x-request-id") == [problem["request_id"]]
    )


@schemathesis.hook
def after_call(context: HookContext, case: "Case[Any]", response: Response) -> None:
    """Keep what was answered to what."""
    wrong = what_is_wrong(response.status_code, response.headers, response.content)
    example = case.as_curl_command()[:LONGEST] if wrong else ""
    operation = f"{case.method} {case.path}"
    keep({"answer": response.status_code, "to": operation, "wrong": wrong, "example": example})


@schemathesis.hook
def filter_failure(
    context: HookContext, failure: Failure, case: "Case[Any]", response: Response
) -> bool:
    """Keep a failure, unless what it complains of is a rule that the document cannot tell."""
    if isinstance(failure, RejectedPositiveData) and is_unsayable(response.content):
        return False
    example = f"{failure}: {case.as_curl_command()[:LONGEST]} -> {response.content[:LONGEST]!r}"
    keep({"failure": type(failure).__name__, "to": failure.operation, "example": example})
    return True


def is_unsayable(content: bytes) -> bool:
    """Whether a refusal has no reason but such as `UNSAYABLE` lists."""
    problem = json.loads(content)
    whole = {"code": problem["code"], "field": "", "message": ""}
    return all(
        (error["code"], error["field"]) in UNSAYABLE
        or error["code"] == "too_long"  # in the normal form, which may be the longer one
        or error["message"] == INTEGRAL
        for error in problem.get("errors", [whole])
    )
