"""Everybody who may come: people in each role, and every kind of API key."""

from dataclasses import dataclass
from enum import IntEnum

from django.conf import settings
from django.http import HttpResponse
from django.test.client import ClientHandler, RequestFactory

from distribution.keys import create_api_key, revoke_api_key
from distribution.models import Source
from minicrm.tests.people import sign_in

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Level(IntEnum):
    """How far the pages let somebody; each goes as far as those before."""

    PUBLIC = 0
    NOBODY = 1
    VIEWER = 2
    SUPERVISOR = 3
    ADMINISTRATOR = 4
    SUPERUSER = 5  # nobody who calls here


class Key(IntEnum):
    """What the API lets a key do; each but the first may do what those before may."""

    NONE = 0
    BOUND = 1
    ALL_SOURCES = 2
    MANAGES = 3


@dataclass(frozen=True)
class Caller:
    """Somebody who asks: signed in or not, with a key or not."""

    name: str
    level: Level
    key: Key
    headers: dict[str, str]
    foreign: bool = False  # the objects are of another source than the key's

    @property
    def is_key(self) -> bool:
        """Whether this is a program rather than a person."""
        return "Authorization" in self.headers

    def ask(self, method: str, path: str, body: bytes, kind: str) -> HttpResponse:
        """Return the answer; without the test client, which copies all that pages are made of."""
        request = RequestFactory().generic(method, path, body, kind, headers=self.headers)
        response: HttpResponse = HANDLER(request.environ)
        return response


HANDLER = ClientHandler(enforce_csrf_checks=False)
HANDLER.load_middleware()


def everybody(own: Source, other: Source) -> list[Caller]:
    """Return all callers; the objects of the world belong to `own`."""
    people = [
        Caller("anonymous", Level.PUBLIC, Key.NONE, {}),
        _person("nobody", None, Level.NOBODY),
        _person("viewer", "viewer", Level.VIEWER),
        _person("supervisor", "supervisor", Level.SUPERVISOR),
        _person("administrator", "administrator", Level.ADMINISTRATOR),
    ]
    keys = [
        _key("key of the source", Key.BOUND, source=own),
        _key("key of another source", Key.BOUND, source=other, foreign=True),
        _key("managing key", Key.MANAGES, can_manage=True),
        _key("key for all sources", Key.ALL_SOURCES),
        _key("revoked key", Key.NONE, can_manage=True, revoked=True),
    ]
    return [*people, *keys]


def _person(name: str, role: str | None, level: Level) -> Caller:
    client = sign_in(role, username=f"demo-caller-{name}")
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    return Caller(name, level, Key.NONE, {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}"})


def _key(
    name: str,
    right: Key,
    *,
    source: Source | None = None,
    can_manage: bool = False,
    revoked: bool = False,
    foreign: bool = False,
) -> Caller:
    row, token = create_api_key(name=name, source=source, can_manage=can_manage, actor="test")
    if revoked:
        revoke_api_key(row, actor="test")
    headers = {"Authorization": f"Bearer {token}"}
    return Caller(name, Level.PUBLIC, right, headers, foreign)
