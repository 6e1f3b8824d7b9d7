"""The layers that the time of a request is told by: which function belongs where."""

from __future__ import annotations

import pstats
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

Function = tuple[str, int, str]  # file, line, name

# The first that matches a function's file.
LAYERS = {
    "API key": r"distribution/(keys|authentication)\.py|ninja/security/|hmac\.py|hashlib\.py",
    "middleware": r"minicrm/(middleware|request_\w+|security_headers|failures)\.py|/middleware/"
    r"|minicrm/metrics/|/(csp|axes|django_htmx|whitenoise)/|django/utils/deprecation\.py"
    r"|/sessions/|/messages/|django/contrib/auth/",
    "pydantic": r"/pydantic|pydantic_core|minicrm/(schemas|parsing|text|validators)\.py",
    "ninja": r"/ninja/|minicrm/(api|problems)\.py|leads/api/",
    "services": r"/(leads|distribution)/(?!migrations|tests)|minicrm/(transactions|errors)\.py"
    r"|random\.py",
    "phone numbers, e-mail": r"/(phonenumbers|email_validator|idna)/",
    "ORM": r"django/db/models/",
    "connection, transactions": r"django/db/(?!models)|contextlib\.py"
    r"|minicrm/(databases/(?!postgresql/calls)|hot_cursor|group_commit)",
    "SQL driver": r"/psycopg|sqlite3|/selectors\.py|postgresql/calls\.py",
    "JSON": r"/json/",
    "Django's handler, request, addresses": r"/django/|asgiref|/wsgi\.py|/email/|/urllib/",
}
PATTERNS = {name: re.compile(text) for name, text in LAYERS.items()}
# Built-in functions that have no file, by what their name says.
BUILT_IN = {
    "SQL driver": re.compile(r"sqlite3|psycopg|select\.|'_?socket"),
    "JSON": re.compile(r"_json"),
    "pydantic": re.compile(r"pydantic"),
    "API key": re.compile(r"_hashlib|_sha|hmac|compare_digest"),
}
REST = "rest"
BENCH = "/benchmarks/"


def layer_of(function: Function) -> str | None:
    """Return the layer of a function; None for a built-in one, which works for who calls it."""
    file, _, name = function
    if file == "~" or file.startswith("<"):
        named = (layer for layer, pattern in BUILT_IN.items() if pattern.search(name))
        return next(named, None)
    return next((layer for layer, found in PATTERNS.items() if found.search(file)), REST)


def seconds_by_layer(stats: pstats.Stats) -> dict[str, float]:
    """Return the time spent in the functions of each layer themselves, the longest first.

    A built-in function's time belongs to the layers that called it.
    """
    found: dict[str, float] = defaultdict(float)
    for function, seconds, callers in _own_times(stats):
        if layer := layer_of(function):
            found[layer] += seconds
            continue
        for caller, share in callers.items():
            if BENCH not in caller[0]:
                found[layer_of(caller) or REST] += share
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def longest(stats: pstats.Stats, count: int) -> dict[str, float]:
    """Return the time spent in each of the functions that take longest themselves."""
    times: dict[str, float] = defaultdict(float)
    for function, seconds, _ in _own_times(stats):
        times[name_of(function)] += seconds
    return dict(sorted(times.items(), key=lambda item: -item[1])[:count])


def name_of(function: Function) -> str:
    """Return what a function is called, with the end of its file's path."""
    file, _, name = function
    return (
        re.sub(r" at 0x[0-9a-f]+", "", name)
        if file == "~"
        else f"{'/'.join(file.split('/')[-2:])}: {name}"
    )


def _own_times(stats: pstats.Stats) -> Iterator[tuple[Function, float, dict[Function, float]]]:
    """Yield each function, the seconds in itself, and how these are shared among its callers."""
    rows: Mapping[Function, tuple[int, int, float, float, Mapping[Function, tuple[float, ...]]]]
    rows = stats.stats  # type: ignore[attr-defined]
    for function, (_, _, own, _, callers) in rows.items():
        if BENCH not in function[0]:
            yield function, own, {caller: times[2] for caller, times in callers.items()}
