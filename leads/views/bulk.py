"""Moving many contacts at once: ask, watch the progress, read the summary.

Nothing is done by looking: each part is a POST that answers with a redirect, so every page can be
loaded again at any moment without anything being done twice.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from leads.forms.moves import MoveForm, form_of
from leads.models import Contact
from leads.moving.jobs import Job, begin_job, find_job
from leads.moving.moves import EXPLANATIONS, Move
from leads.moving.summaries import outcome, refusals_of, statuses_text
from leads.moving.words import missing_text, more_text, question
from leads.views.moves import asks, may_move
from minicrm.pages import actor_of, go_back, show, toast
from minicrm.schemas import MAX_ID

MOST = 200  # contacts of one selection


@require_POST
@may_move
def move_contacts(request: HttpRequest) -> HttpResponse:
    """Keep a selection of contacts as they are now, and go on to the page that asks."""
    move = request.POST.get("move", "")
    if move not in Move.values:
        raise Http404
    chosen = _chosen(request.POST.getlist("pk"))
    if len(chosen) > MOST:
        text = ngettext(
            "Select %(most)d contact at most.", "Select %(most)d contacts at most.", MOST
        )
        toast(request, text % {"most": MOST}, level=messages.ERROR)
        return go_back(request, "leads:contacts")
    contacts = list(Contact.objects.filter(pk__in=chosen).only("pk", "status", "version"))
    if not contacts:
        toast(request, _("Select contacts first."), level=messages.WARNING)
        return go_back(request, "leads:contacts")
    back = go_back(request, "leads:contacts").url
    missing = len(chosen) - len(contacts)
    job = begin_job(Move(move), contacts, actor=actor_of(request), back=back, missing=missing)
    return redirect("leads:move_job", job.key)


@asks
@may_move
def move_job(request: HttpRequest, key: str) -> HttpResponse:
    """Ask, show how far it is, or go on."""
    job = find_job(key, actor=actor_of(request)) if "\0" not in key else None
    if job is None:
        raise Http404
    form = form_of(job.move)(request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return _progress(request, job) if job.confirmed else _ask(request, job, form)
    if not job.confirmed:
        if not form.is_valid():
            return _ask(request, job, form, status=422)
        job.confirm(form.arguments())
    if not job.finished and job.claim():
        job.run_part()
    return redirect("leads:move_job", key)


def _chosen(numbers: list[str]) -> set[int]:
    """Return the ids that were ticked; whatever else was sent is none."""
    return {
        int(number)
        for number in numbers
        if number.isascii() and number.isdigit() and len(number) < len(str(MAX_ID))
    }


def _ask(request: HttpRequest, job: Job, form: MoveForm, *, status: int = 200) -> HttpResponse:
    rows = Contact.objects.select_related("source", "operator").in_bulk([pk for pk, _v in job.left])
    context = {
        "job": job,
        "question": question(job.move, job.total),
        "explanation": EXPLANATIONS[job.move],
        "contacts": [(rows[pk], version) for pk, version in job.left if pk in rows],
        "statuses": statuses_text(job.selected),
        "missing": missing_text(job.missing),
        "form": form,
    }
    return show(request, "contacts/move_many.html", context, status=status)


def _progress(request: HttpRequest, job: Job) -> HttpResponse:
    title = _("Done: %(move)s") if job.finished else _("Under way: %(move)s")
    context = {
        "job": job,
        "title": title % {"move": job.move.label},
        "lines": outcome(job),
        "refusals": refusals_of(job),
        "more": more_text(job.refused - len(job.refusals)),
        "goes_on_by_itself": not job.finished and "paused" not in request.GET,
    }
    return show(request, "contacts/move_progress.html", context)
