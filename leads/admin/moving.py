"""Moving contacts in Django's admin: choose, confirm, watch the progress, read the summary.

Nothing is done by looking: each part is a POST that answers with a redirect, so every page can be
loaded again at any moment without anything being done twice.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from distribution.admin.base import AnyModelAdmin
from leads.admin.forms import ButtonForm, as_admin_form
from leads.admin.log import log_moves
from leads.forms.moves import MoveForm, form_of
from leads.models import Contact
from leads.moving import jobs
from leads.moving.jobs import Job, begin_job, find_job
from leads.moving.moves import EXPLANATIONS, POSSIBLE, Move
from leads.moving.summaries import outcome, refusals_of, statuses_text
from leads.moving.words import missing_text, more_text, question
from minicrm.pages import actor_of

LISTED = 100  # contacts on the page that asks


class MovableContacts(AnyModelAdmin):
    """Actions on selections, and buttons on a contact's page, for whoever may change contacts."""

    actions = ["reassign", "requeue", "close", "reopen"]

    def has_move_permission(self, request: HttpRequest) -> bool:
        """Whoever may change contacts; changing one means moving it, no more."""
        return request.user.has_perm("leads.change_contact")

    @admin.action(description=Move.CLOSE.label, permissions=["move"])
    def close(self, request: HttpRequest, queryset: QuerySet[Contact]) -> HttpResponse:
        """Ask whether to close the selected contacts."""
        return self._select(request, queryset, Move.CLOSE)

    @admin.action(description=Move.REOPEN.label, permissions=["move"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Contact]) -> HttpResponse:
        """Ask whether to reopen the selected contacts."""
        return self._select(request, queryset, Move.REOPEN)

    @admin.action(description=Move.REQUEUE.label, permissions=["move"])
    def requeue(self, request: HttpRequest, queryset: QuerySet[Contact]) -> HttpResponse:
        """Ask whether to put the selected contacts back into the queue."""
        return self._select(request, queryset, Move.REQUEUE)

    @admin.action(description=Move.REASSIGN.label, permissions=["move"])
    def reassign(self, request: HttpRequest, queryset: QuerySet[Contact]) -> HttpResponse:
        """Ask whom to hand the selected contacts over to."""
        return self._select(request, queryset, Move.REASSIGN)

    def _select(
        self, request: HttpRequest, queryset: QuerySet[Contact], move: Move
    ) -> HttpResponse:
        """Keep the contacts as they are now, the oldest ones if there are too many.

        What was ticked and has left the filtered list meanwhile is counted as missing.
        """
        oldest = queryset.select_related(None).only("pk", "status", "version").order_by("pk")
        contacts = list(oldest[: jobs.MOST])
        found = queryset.count() if len(contacts) == jobs.MOST else len(contacts)
        across = request.POST.get("select_across") == "1"
        ticked = set() if across else set(request.POST.getlist(ACTION_CHECKBOX_NAME))
        missing = max(0, len(ticked) - found)
        back = request.get_full_path()
        if not contacts:
            text = missing_text(missing) or _("The filters show no contact any more.")
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(back)
        not_taken = max(0, found - jobs.MOST)
        facts = {"back": back, "not_taken": not_taken, "missing": missing}
        return self._begin(request, move, contacts, **facts)

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of the moves."""
        wrap = self.admin_site.admin_view
        return [
            path("moves/<slug:key>/", wrap(self.job_view), name="leads_contact_moves"),
            path("<int:pk>/move/", wrap(self.button_view), name="leads_contact_move"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show a contact; who may move it gets the buttons for what is possible."""
        contact = kwargs.get("obj")
        if contact is not None and self.has_move_permission(request):
            context["moves"] = POSSIBLE[contact.status]
        return super().render_change_form(request, context, *args, **kwargs)

    @method_decorator(require_POST)
    def button_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Begin with one contact, in the version that its page showed."""
        self._check(request)
        contact = get_object_or_404(Contact, pk=pk)
        form = ButtonForm(request.POST)
        if not form.is_valid():
            raise BadRequest("no such move, or no version")
        contact.version = form.cleaned_data["version"]
        back = reverse("admin:leads_contact_change", args=[pk])
        return self._begin(request, form.cleaned_data["move"], [contact], back=back, of_one=True)

    @method_decorator([never_cache, require_http_methods(["GET", "HEAD", "POST"])])
    def job_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """Ask, show how far it is, or go on."""
        self._check(request)
        job = find_job(key, actor=actor_of(request))
        if job is None:
            raise Http404("no such selection, or it was made too long ago")
        form = form_of(job.move)(request.POST if request.method == "POST" else None)
        if request.method != "POST":
            return self._progress(request, job) if job.confirmed else self._ask(request, job, form)
        if not job.confirmed:
            if not form.is_valid():
                return self._ask(request, job, form)
            job.confirm(form.arguments())
        return self._go_on(request, job)

    def _check(self, request: HttpRequest) -> None:
        if not self.has_move_permission(request):
            raise PermissionDenied

    def _begin(
        self, request: HttpRequest, move: Move, contacts: list[Contact], **facts: Any
    ) -> HttpResponse:
        job = begin_job(move, contacts, actor=actor_of(request), **facts)
        return HttpResponseRedirect(reverse("admin:leads_contact_moves", args=[job.key]))

    def _ask(self, request: HttpRequest, job: Job, form: MoveForm) -> HttpResponse:
        versions = dict(job.left[:LISTED])
        rows = Contact.objects.select_related("source", "operator").in_bulk(versions)
        context = {
            "title": question(job.move, job.total),
            "explanation": EXPLANATIONS[job.move],
            "contacts": [(rows[pk], versions[pk]) for pk in versions if pk in rows],
            "more": more_text(job.total - len(versions)),
            "statuses": statuses_text(job.selected),
            "adminform": as_admin_form(form),
            "most": jobs.MOST,
            "missing": missing_text(job.missing),
        }
        return self._page(request, "admin/leads/move.html", job, context)

    def _go_on(self, request: HttpRequest, job: Job) -> HttpResponse:
        """Move the next part, unless another request is at it, and show how far it is."""
        if not job.finished and job.claim():
            job.run_part(lambda moved: log_moves(request, job.move, moved))
        if not (job.finished and job.of_one):
            return HttpResponseRedirect(request.path)
        for level, text in outcome(job):
            self.message_user(request, text, level)
        for _contact, text in refusals_of(job):
            self.message_user(request, text, messages.ERROR)
        return HttpResponseRedirect(job.back)

    def _progress(self, request: HttpRequest, job: Job) -> HttpResponse:
        title = _("Done: %(move)s") if job.finished else _("Under way: %(move)s")
        context = {
            "title": title % {"move": job.move.label},
            "lines": outcome(job),
            "refusals": refusals_of(job),
            "more": more_text(job.refused - len(job.refusals)),
            "goes_on_by_itself": not job.finished and "paused" not in request.GET,
        }
        return self._page(request, "admin/leads/move_progress.html", job, context)

    def _page(
        self, request: HttpRequest, template: str, job: Job, context: dict[str, Any]
    ) -> HttpResponse:
        request.current_app = self.admin_site.name
        context |= {
            **self.admin_site.each_context(request),
            **context,
            "opts": self.opts,
            "job": job,
            "media": self.media,
        }
        return TemplateResponse(request, template, context)
