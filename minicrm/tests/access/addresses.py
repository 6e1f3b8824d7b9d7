"""Every address that the site has, as its URL resolver knows them."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Address:
    """An address: how it is written down, the name of its view, and what has to be filled in."""

    route: str
    name: str
    arguments: tuple[str, ...]


def every_address() -> list[Address]:
    """Return all addresses, each once, though the API has an operation for each method."""
    found = {address.route: address for address in _walk(get_resolver().url_patterns)}
    return list(found.values())


def _walk(
    patterns: list[URLPattern | URLResolver], route: str = "", namespace: str = ""
) -> Iterator[Address]:
    for pattern in reversed(patterns):  # the first of several wins
        here = route + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, here, inner)
        else:
            arguments = tuple(sorted(pattern.pattern.regex.groupindex))
            yield Address(here, f"{namespace}{pattern.name}", arguments)
