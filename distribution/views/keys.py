"""API keys: making, rotating, revoking.

A new key is shown once, on the page that answers the form: so it is in no address, cookie, session
or log, and a reload, which sends the form again, finds that the key was made already.
"""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from distribution.forms.keys import KeyForm, OnceForm
from distribution.keys import (
    KeyMadeAlready,
    KeyRevoked,
    create_api_key,
    revoke_api_key,
    rotate_api_key,
)
from distribution.models import ApiKey, Source
from distribution.views.keyset import keyset_page, number_in
from minicrm.errors import NotFound
from minicrm.pages import actor_of, go_back, show, toast

STATES = ("live", "revoked", "all")
IN_CARD = 20


def keys_of(source: Source) -> list[ApiKey]:
    """Return the live keys that may post for a source: its own first, then those for all."""
    may_post = Q(source=source) | Q(source=None)
    keys = ApiKey.objects.filter(may_post, revoked_at=None)
    return sorted(keys.order_by("-pk")[:IN_CARD], key=lambda key: key.source_id is None)


@require_safe
@permission_required("distribution.view_apikey", raise_exception=True)
def keys(request: HttpRequest) -> HttpResponse:
    """List the keys, those that work unless others are asked for."""
    state = request.GET.get("state", "")
    state = state if state in STATES else STATES[0]
    chosen = ApiKey.objects.select_related("source")
    if state != "all":
        chosen = chosen.filter(revoked_at__isnull=state == "live")
    source_id = number_in(request.GET, "source")
    if source_id is not None:
        chosen = chosen.filter(source=source_id)
    source = Source.objects.filter(pk=source_id).first() if source_id is not None else None
    page = keyset_page(chosen, request.GET)
    context = {
        "page": page,
        "keys": page.rows,
        "state": state,
        "source": source,
        "source_id": source_id,
    }
    return show(request, "keys/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("distribution.add_apikey", raise_exception=True)
def create_key(request: HttpRequest) -> HttpResponse:
    """Ask what the key is for; make it, and show it this once."""
    if request.method != "POST":
        form = KeyForm(initial={"source": number_in(request.GET, "source")})
        return show(request, "keys/create.html", {"form": form})
    form = KeyForm(request.POST)
    if not form.is_valid():
        return show(request, "keys/create.html", {"form": form}, status=422)
    values = form.cleaned_data
    made = values.pop("made")
    try:
        key, token = create_api_key(**values, prefix=made, actor=actor_of(request))
    except KeyMadeAlready:
        return _made_already(request, made)
    return _show_once(request, key, token)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("distribution.add_apikey", raise_exception=True)
def rotate_key(request: HttpRequest, pk: int) -> HttpResponse:
    """Make another key like this one and show it this once; the old one works until revoked."""
    old = get_object_or_404(ApiKey.objects.select_related("source"), pk=pk)
    form = OnceForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return show(request, "keys/rotate.html", {"key": old, "form": form})
    made = form.cleaned_data["made"]
    try:
        key, token = rotate_api_key(old, prefix=made, actor=actor_of(request))
    except KeyMadeAlready:
        return _made_already(request, made)
    except NotFound as error:
        raise Http404 from error
    except KeyRevoked:
        old.refresh_from_db()
        return show(request, "keys/rotate.html", {"key": old, "form": form}, status=409)
    return _show_once(request, key, token, old=old)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("distribution.change_apikey", raise_exception=True)
def revoke_key(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to revoke a key, and do it; a revoked one stays so."""
    key = get_object_or_404(ApiKey.objects.select_related("source"), pk=pk)
    if request.method != "POST":
        return show(request, "keys/revoke.html", {"key": key})
    revoke_api_key(key, actor=actor_of(request))
    toast(request, _("The key %(name)s is revoked.") % {"name": key.name})
    return go_back(request, "distribution:keys")


def _show_once(
    request: HttpRequest, key: ApiKey, token: str, *, old: ApiKey | None = None
) -> HttpResponse:
    back = go_back(request, "distribution:keys").url
    context: dict[str, Any] = {
        "key": key,
        "token": token,
        "old": old,
        "source": key.source,
        "back": back,
    }
    if key.source is None:  # the snippets need some source to name
        context["source"] = Source.objects.order_by("pk").first()
    return show(request, "keys/created.html", context)


def _made_already(request: HttpRequest, prefix: str) -> HttpResponse:
    """Answer a form that was sent twice: the key cannot be shown again."""
    key = get_object_or_404(ApiKey.objects.select_related("source"), prefix=prefix)
    return show(request, "keys/made_already.html", {"key": key}, status=409)
