"""The sources: the list, creating, renaming, switching."""

import re
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from distribution.forms.sources import SourceForm
from distribution.models import NAME_LENGTH, Source
from distribution.refusals import refusal_text
from distribution.services import create_source as create
from distribution.services import update_source as update
from distribution.views.keyset import number_in
from leads.refusals import refused_when_busy
from leads.source_figures import figures_of
from minicrm.errors import ServiceError
from minicrm.pages import actor_of, changed_query, go_back, show, toast

PAGE_SIZE = 50


@require_safe
@permission_required("distribution.view_source", raise_exception=True)
def sources(request: HttpRequest) -> HttpResponse:
    """List the sources, the oldest first: who shares them, what waits, what came in today."""
    text = request.GET.get("search", "").strip()
    after = number_in(request.GET, "after")
    rows = list(_named(text).filter(pk__gt=after or 0).order_by("pk")[: PAGE_SIZE + 1])
    has_more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    figures = figures_of([source.pk for source in rows])
    context = {
        "rows": [(source, figures[source.pk]) for source in rows],
        "search": text,
        "first_page": changed_query(request.GET, after=None) if after else "",
        "next_page": changed_query(request.GET, after=rows[-1].pk) if has_more else "",
    }
    return show(request, "sources/list.html", context)


def _named(text: str) -> QuerySet[Source]:
    """Return the sources whose name holds `text`, whatever the case."""
    if "\0" in text or len(text) > NAME_LENGTH:  # no name can hold it, and no database look it up
        return Source.objects.none()
    # SQLite knows no other comparison that ignores the case of Cyrillic letters too.
    return Source.objects.filter(name__iregex=re.escape(text)) if text else Source.objects.all()


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("distribution.add_source", raise_exception=True)
def create_source(request: HttpRequest) -> HttpResponse:
    """Show the form of a new source, or create it and go on to its weights."""
    form = SourceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            with refused_when_busy():
                source = create(**form.cleaned_data, actor=actor_of(request))
        except ServiceError as error:
            _refuse(form, error)
        else:
            text = _("%(name)s was created. Give it operators: until then its contacts wait.")
            toast(request, text % {"name": source.name})
            return redirect("leads:source", source.pk)
    return _form_page(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("distribution.change_source", raise_exception=True)
def edit_source(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the form of a source, or save what was changed in it."""
    source = get_object_or_404(Source, pk=pk)
    present = {"name": source.name, "is_active": source.is_active}
    form = SourceForm(request.POST or None, present=present)
    if request.method == "POST" and form.is_valid():
        try:
            _save(request, source, form)
        except ServiceError as error:
            _refuse(form, error)
        else:
            return go_back(request, "leads:source", pk)
    return _form_page(request, form, source)


def _save(request: HttpRequest, source: Source, form: SourceForm) -> None:
    changes: Any = form.changes()
    if not changes:
        toast(request, _("Nothing was changed."), level=messages.INFO)
        return
    with refused_when_busy():
        update(source.pk, actor=actor_of(request), **changes)
    undo = reverse("leads:edit_source", args=[source.pk]), form.undo_fields()
    toast(request, _("%(name)s was saved.") % {"name": form.cleaned_data["name"]}, undo=undo)


def _refuse(form: SourceForm, error: ServiceError) -> None:
    form.add_error(error.field if error.field in form.fields else None, refusal_text(error))


def _form_page(request: HttpRequest, form: SourceForm, source: Source | None) -> HttpResponse:
    context = {"form": form, "source": source, "name": source.name if source else ""}
    status = 409 if form.stale else 422 if form.errors else 200
    return show(request, "sources/form.html", context, status=status)


@require_POST
@permission_required("distribution.change_source", raise_exception=True)
def switch_source(request: HttpRequest, pk: int) -> HttpResponse:
    """Switch a source on, which assigns what waits, or off: then its contacts wait."""
    source = get_object_or_404(Source, pk=pk)
    wanted = request.POST.get("is_active")
    if wanted not in ("0", "1"):
        raise BadRequest("is_active must be 0 or 1")
    try:
        with refused_when_busy():
            update(pk, is_active=wanted == "1", actor=actor_of(request))
    except ServiceError as error:
        toast(request, refusal_text(error), level=messages.ERROR)
    else:
        text = (
            _("%(name)s is on: its contacts are given to operators.")
            if wanted == "1"
            else _("%(name)s is off: its contacts are still accepted, and wait.")
        )
        address = reverse("leads:switch_source", args=[pk])
        undo = address, {"is_active": int(source.is_active)}
        was_so = source.is_active == (wanted == "1")
        toast(request, text % {"name": source.name}, undo=None if was_so else undo)
    return go_back(request, "leads:sources")
