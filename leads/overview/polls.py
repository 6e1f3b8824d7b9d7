"""Pages that ask every few seconds whether anything has changed: mostly nothing has.

Such a poll is answered by one statement, before Django looks for a session, a user and their
rights one after the other. The statement looks at all of them, so whoever is signed out, shut out
or loses a right notices at once. It knows but one answer, 204 for "as you have seen it"; whatever
else it finds, or does not, the request goes on to the page, which decides by the usual means.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AbstractUser, User
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from leads.overview.signature import FACTS, OPERATORS, signature, signature_of
from minicrm import sessions
from minicrm.hot_cursor import hot_cursor

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

SEES_ALL = "leads.see_personal_data"
# What each page needs that polls; the views ask for the same.
NEEDED = {
    "leads:overview": ("leads.view_contact", "distribution.view_operator"),
    "leads:operators": ("distribution.view_operator",),
}
SEEN = re.compile(r"(?P<signature>[0-9-]{1,200})-(?P<user>[0-9]{1,18})-(?P<whole>[01])")

# Each right is a bit of the answer: the sum of those that the user has, by themselves or a group.
RIGHTS = {SEES_ALL: 1, "leads.view_contact": 2, "distribution.view_operator": 4}
BITS = " ".join(
    "WHEN '{}' THEN {}".format(right.replace(".", " "), bit) for right, bit in RIGHTS.items()
)
QUERY = f"""
SELECT
  {FACTS},
  session.session_data, person.id, person.password, person.is_superuser,
  CASE WHEN NOT person.is_superuser THEN
    (SELECT sum(DISTINCT CASE app.app_label || ' ' || right_.codename {BITS} ELSE 0 END)
     FROM auth_permission AS right_
     JOIN django_content_type AS app ON app.id = right_.content_type_id
     WHERE right_.id IN (
       SELECT permission_id FROM auth_user_user_permissions WHERE user_id = person.id
       UNION ALL
       SELECT of_group.permission_id FROM auth_user_groups AS member
       JOIN auth_group_permissions AS of_group ON of_group.group_id = member.group_id
       WHERE member.user_id = person.id))
  END
FROM {OPERATORS}
JOIN django_session AS session ON session.session_key = %s AND session.expire_date > %s
JOIN auth_user AS person ON person.id = CAST(%s AS bigint) AND person.is_active
"""  # noqa: S608 - what is put together here is written above


class Asker(NamedTuple):
    """What the statement found of who asks: the session as it is stored, the user, their rights."""

    session: str
    pk: int
    password: str
    is_superuser: bool
    rights: int | None

    def may(self, *rights: str) -> bool:
        """Whether the user has all these rights."""
        had = self.rights or 0
        return bool(self.is_superuser) or all(had & RIGHTS[right] for right in rights)


def state_seen_by(user: AbstractUser | AnonymousUser) -> str:
    """Return a text that differs whenever a page that polls would, also by who looks at it.

    The page of somebody who may see more, or less, is another one.
    """
    return f"{signature()}-{user.pk}-{user.has_perm(SEES_ALL):d}"


class PollMiddleware:
    """Answers polls of pages that are as they were seen; all else goes on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer 204 where the page would, at a fraction of the price."""
        if request.method == "GET" and "seen" in request.GET and _is_unchanged(request):
            return HttpResponse(status=204)
        return self.get_response(request)


def _is_unchanged(request: HttpRequest) -> bool:
    said = SEEN.fullmatch(request.GET["seen"])
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if said is None or not sessions.is_key(key) or request.headers.get("HX-Request") != "true":
        return False
    match = _page_at(request.path_info, settings.ROOT_URLCONF)
    if match is None or (row := _ask(key, int(said["user"]))) is None:
        return False
    facts, asker = row[: -len(Asker._fields)], Asker(*row[-len(Asker._fields) :])
    if not (
        signature_of(facts) == said["signature"]
        and asker.may(*NEEDED[match.view_name])
        and asker.may(SEES_ALL) == (said["whole"] == "1")
        and _signed_in(asker.session, asker.password, settings.SECRET_KEY) == str(asker.pk)
    ):
        return False
    # For the access log and the metrics, as if the page itself had answered.
    request.resolver_match, request._cached_user = match, asker  # type: ignore[attr-defined]
    return True


@lru_cache(maxsize=16)
def _page_at(path: str, _urlconf: str) -> ResolverMatch | None:
    """Return the page at an address, if it is one that polls."""
    try:
        match = resolve(path)
    except Resolver404:
        return None
    return match if match.view_name in NEEDED else None


def _ask(session_key: str, user_id: int) -> tuple[Any, ...] | None:
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with hot_cursor() as cursor:
        cursor.execute(QUERY, [session_key, now, user_id])
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


@lru_cache(maxsize=256)
def _signed_in(stored: str, password: str, _secret_key: str) -> str | None:
    """Return whom a stored session has signed in, if their password is what it was then.

    As `django.contrib.auth.get_user` decides, but for a session signed with a former SECRET_KEY:
    the long way renews it. The answer depends on nothing but what is given, so it may be kept.
    """
    session = sessions.SessionStore().decode(stored)
    if session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    signed = session.get(HASH_SESSION_KEY, "")
    is_so = constant_time_compare(signed, User(password=password).get_session_auth_hash())
    return session.get(SESSION_KEY) if is_so else None
