"""Who calls the API, and what their key allows."""

from typing import cast

from django.http import HttpRequest
from ninja.security import HttpBearer

from distribution.keys import recognise
from distribution.models import ApiKey
from minicrm.problems import Problem


class BearerKey(HttpBearer):
    """`Authorization: Bearer <key>`, checked before the body is read."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey:
        """Return the key's row; raises a `Problem` with 401 for anything but a live key."""
        key = recognise(token.strip())
        if key is None:
            raise unauthorized("This key is unknown or revoked.")
        return key


def unauthorized(detail: str) -> Problem:
    """Return the 401 that says how to authenticate."""
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def key_of(request: HttpRequest) -> ApiKey:
    """Return the key that an authenticated request came with."""
    return cast(ApiKey, request.auth)  # type: ignore[attr-defined]


def actor_of(request: HttpRequest) -> str:
    """Return how decision records name the caller."""
    return f"api_key:{key_of(request).pk}"


def require_all_sources(request: HttpRequest) -> None:
    """Raise a `Problem` with 403 for a key that is bound to one source."""
    if key_of(request).source_id is not None:
        raise Problem(403, "key_bound_to_source", "This key is for the contacts of one source.")


def require_manage(request: HttpRequest) -> None:
    """Raise a `Problem` with 403 for a key that may not change the distribution."""
    require_all_sources(request)
    if not key_of(request).can_manage:
        raise Problem(
            403, "key_may_not_manage", "This key may not change the distribution or move contacts."
        )
