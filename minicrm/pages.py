"""What the views of all pages share: how they answer, where they lead back to, who asks.

A page is one template. It extends `page_base`, which is the whole frame for a browser, the content
alone for htmx, and the content of a dialog where htmx asks for that; so a form that posts and
redirects works with and without scripts.
"""

import contextlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

from minicrm.request_id import request_id_of

THEMES = ("system", "light", "dark")
THEME_COOKIE = "theme"
DIALOG = "div#dialog-body"  # as htmx names the target of its request


class HtmxHttpRequest(HttpRequest):
    """A request as `django_htmx`'s middleware leaves it."""

    htmx: HtmxDetails


def show(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    """Render a page, or the part of it that htmx asked for."""
    response = render(request, template, context, status=status)
    # One address, several answers: a browser must not take one for the other, nor keep any.
    patch_vary_headers(response, ["HX-Request", "HX-Target", "HX-History-Restore-Request"])
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def go_back(request: HttpRequest, default: str, *args: Any) -> HttpResponseRedirect:
    """Redirect to the page that a form named in `next`, if it is ours; else to `default`.

    `default` is the name of a view, with its arguments, or a path.
    """
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/"):
        return HttpResponseRedirect(wanted)
    return redirect(default, *args)


def actor_of(request: HttpRequest) -> str:
    """Return how decision records and audit events name the signed-in user."""
    return f"user:{request.user.pk}"


def toast(
    request: HttpRequest,
    text: str,
    *,
    level: int = messages.SUCCESS,
    undo: tuple[str, Mapping[str, object]] | None = None,
) -> None:
    """Tell the user what was done, on the next page or part of one that they get.

    `undo` is the address that a button posts to, and the fields that it sends.
    """
    tags = ""
    if undo is not None:
        url, fields = undo
        tags = json.dumps({"url": url, "fields": {key: str(fields[key]) for key in fields}})
    messages.add_message(request, level, text, extra_tags=tags)


def page_context(request: HttpRequest) -> dict[str, Any]:
    """Return what every template may ask for: its base, the theme, and where the user is."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return {
        "page_base": _base(request),
        "theme": theme if theme in THEMES else THEMES[0],
        "here": _here(request),
        "request_id": request_id_of(request),
    }


def _base(request: HttpRequest) -> str:
    htmx = getattr(request, "htmx", None)
    # "Back" asks for the whole page too, to put it in place of another whole one.
    if not htmx or htmx.history_restore_request:
        return "base.html"
    return "_dialog.html" if htmx.target == DIALOG else "_fragment.html"


def _here(request: HttpRequest) -> str:
    """Return the address of the page that the user will see, as far as the request tells.

    For what is posted, for dialogs and for polls, that is the page around; a link or filter that
    htmx follows leads to another one.
    """
    if request.method == "POST" and request.POST.get("next", "").startswith("/"):
        return request.POST["next"]
    htmx = getattr(request, "htmx", None)
    if htmx and htmx.current_url and not (htmx.boosted and request.method == "GET"):
        with contextlib.suppress(ValueError):  # whoever writes headers by hand
            parts = urlsplit(htmx.current_url)
            return f"{parts.path}?{parts.query}" if parts.query else parts.path
    return request.get_full_path() if request.method == "GET" else ""


def changed_query(query: QueryDict, **changes: object) -> str:
    """Return a query string with some of its values set anew, or taken out where None is given."""
    fresh = query.copy()
    for name, value in changes.items():
        if value is None:
            fresh.pop(name, None)
        else:
            fresh[name] = str(value)
    return f"?{fresh.urlencode()}" if fresh else "?"
