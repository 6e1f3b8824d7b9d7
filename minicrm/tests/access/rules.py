"""What the tables mean for one cell: somebody, an address, a method."""

from django.http import HttpResponse
from django.urls import reverse

from minicrm.tests.access.addresses import Address
from minicrm.tests.access.callers import Caller, Key, Level
from minicrm.tests.access.tables import (
    ADMIN_KINDS,
    ADMIN_NOTHING_THERE,
    ADMIN_PAGES,
    ADMIN_TABLES,
    ADMINISTRATOR,
    ANY_METHOD,
    API,
    FOREIGN,
    NOTHING_THERE,
    PAGES,
    SUPERUSER,
)

LET_IN, SIGN_IN, NO_KEY, REFUSED = "let in", "sign in", "no key", "refused"
NO_METHOD, NOTHING = "no such method", "nothing there"
DOOR = "sent to the admin's door"  # which leads on to the sign-in page, or refuses
LOOKING, DOCS, PROBES = ("GET", "HEAD"), ("openapi.json", "docs"), ("metrics",)
WORDS = {401: NO_KEY, 403: REFUSED, 404: NOTHING, 405: NO_METHOD}


def outcome(response: HttpResponse) -> str:
    """Return what an answer says of who asks."""
    status = response.status_code
    if status == 302:
        url = response["Location"]
        if url.startswith(f"{reverse('login')}?next="):
            return SIGN_IN
        if url.startswith(f"{reverse('admin:login')}?next=") or url == reverse("admin:index"):
            return DOOR
        return LET_IN
    return WORDS.get(status, LET_IN if status < 500 else "broken")


def expected(address: Address, method: str, caller: Caller) -> set[str]:
    """Return what the answer may say; one thing only, but where Django's admin is loose.

    Raises KeyError for an address that is in no table.
    """
    area, _slash, rest = address.route.partition("/")
    if area == "api":
        return {_of_api(rest.removeprefix("v1/"), method, caller)}
    if area == "admin":
        return _of_admin(address, rest, method, caller)
    if address.route in PROBES:
        return {NO_KEY}  # its own token comes first
    return {_of_page(address.name, method, caller)}


def _of_page(name: str, method: str, caller: Caller) -> str:
    look, change = PAGES[name]
    public = Level.PUBLIC in (look, change)
    if caller.level == Level.PUBLIC and not public:
        return SIGN_IN
    if name == "login" and caller.level > Level.PUBLIC:
        return LET_IN  # who is signed in is led on, however they came
    needed = look if method in LOOKING or name in ANY_METHOD else None
    needed = change if method == "POST" else needed
    if needed is None:
        return NO_METHOD
    if caller.level < needed:
        return REFUSED
    return NOTHING if name in NOTHING_THERE else LET_IN


def _of_admin(address: Address, rest: str, method: str, caller: Caller) -> set[str]:
    name = address.name.removeprefix("admin:")
    if rest.startswith("(?P<url>"):
        name = "nothing"
    if rest == "password_change/":  # leads to the page for it, which is everybody's
        return {SIGN_IN if caller.level == Level.PUBLIC else LET_IN}
    if caller.level == Level.PUBLIC:
        return {SIGN_IN, DOOR} - ({DOOR} if rest == "login/" else set())
    if rest == "login/":
        return {LET_IN if caller.level >= ADMINISTRATOR else REFUSED}
    if caller.level < ADMINISTRATOR:
        return {DOOR}
    if name in ADMIN_NOTHING_THERE:
        return {NOTHING} if method in (*LOOKING, "POST") else {NOTHING, NO_METHOD}
    look, change = _rights(name, rest)
    needed = change if method == "POST" else look
    if needed is None:  # Django answers OPTIONS itself
        return {NO_METHOD, LET_IN} if method == "OPTIONS" else {NO_METHOD}
    found = {LET_IN if needed <= ADMINISTRATOR else REFUSED}
    # Other methods count as looking in Django's own views.
    return found if method in (*LOOKING, "POST") else found | {NO_METHOD}


def _rights(name: str, rest: str) -> tuple[Level | None, Level | None]:
    if name in ADMIN_PAGES:
        return ADMIN_PAGES[name]
    table = "_".join(rest.split("/")[:2])
    kind = name.removeprefix(f"{table}_")
    rights = ADMIN_TABLES[table]
    look, change = ADMIN_KINDS[kind]
    return (
        ADMINISTRATOR if look is None or look in rights else SUPERUSER,
        ADMINISTRATOR if change is None or change in rights else SUPERUSER,
    )


def _of_api(route: str, method: str, caller: Caller) -> str:
    if route == "":
        return NOTHING
    if route in DOCS:
        return LET_IN if method in LOOKING else NO_METHOD
    needed = API[route].get(method)
    if needed is None:
        return NO_METHOD
    if caller.key == Key.NONE:
        return NO_KEY
    if caller.foreign and (route, method) in FOREIGN:
        return NOTHING
    return LET_IN if caller.key >= needed else REFUSED
