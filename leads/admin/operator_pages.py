"""An operator's own pages in Django's admin: switching off, taking the next contact by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from distribution.admin.base import object_link
from distribution.admin.operators import OperatorAdmin as SettingsAdmin
from distribution.models import Operator
from leads.admin.forms import SwitchOffForm, TakeNextForm, as_admin_form
from leads.admin.log import log_moves
from leads.models import Contact
from leads.moving.moves import Move
from leads.refusals import Refusal, refusal_lines, refused_when_busy
from leads.services import OpenContacts, SwitchedOff, switch_operator_off, take_next_contact
from minicrm.errors import ServiceError
from minicrm.pages import actor_of

page = method_decorator([never_cache, require_http_methods(["GET", "HEAD", "POST"])])


class OperatorPages(SettingsAdmin):
    """The pages, for whoever may change contacts; switching off changes the operator too."""

    change_form_template = "admin/leads/operator_page.html"

    def has_take_permission(self, request: HttpRequest) -> bool:
        """Giving a contact by hand is a move of the contact."""
        return request.user.has_perm("leads.change_contact") and self.has_view_permission(request)

    def has_hand_over_permission(self, request: HttpRequest) -> bool:
        """Moving all contacts of an operator who is switched off changes both."""
        return self.has_take_permission(request) and self.has_change_permission(request)

    def get_urls(self) -> list[URLPattern]:
        """Add the two pages."""
        wrap, name = self.admin_site.admin_view, "distribution_operator"
        return [
            path("<int:pk>/switch-off/", wrap(self.switch_off_view), name=f"{name}_switch_off"),
            path("<int:pk>/take-next/", wrap(self.take_next_view), name=f"{name}_take_next"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the operator; who may gets the links to the pages."""
        context["may_take"] = self.has_take_permission(request)
        context["may_hand_over"] = self.has_hand_over_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    @page
    def switch_off_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask what becomes of the open contacts, and do it."""
        if not self.has_hand_over_permission(request):
            raise PermissionDenied
        operator = get_object_or_404(Operator, pk=pk)
        form = SwitchOffForm(
            request.POST if request.method == "POST" else None,
            initial={"open_contacts": OpenContacts.REDISTRIBUTE},
        )
        if form.is_valid():
            try:
                result = self.switch_one_off(request, pk, form.cleaned_data["open_contacts"])
            except ServiceError as error:
                form.add_error(None, _why_not(error))
                operator = get_object_or_404(Operator, pk=pk)
            else:
                self.tell_switched_off(request, int(operator.is_active), result.moved, result.kept)
                return HttpResponseRedirect(self._url(operator))
        title = _("Switch off %(name)s?") if operator.is_active else _("%(name)s is off")
        context = {
            "title": title % {"name": operator},
            "adminform": as_admin_form(form),
        }
        return self._page(request, "admin/leads/switch_off.html", operator, context)

    def switch_one_off(
        self, request: HttpRequest, operator_id: int, open_contacts: OpenContacts
    ) -> SwitchedOff:
        """Switch an operator off, if they are not, and log it. Raises Busy."""
        was_on = Operator.objects.filter(pk=operator_id, is_active=True).exists()
        with refused_when_busy():
            result = switch_operator_off(
                operator_id, actor=actor_of(request), open_contacts=open_contacts
            )
        if was_on:
            self.log_change(request, result.operator, [{"changed": {"fields": ["active"]}}])
        return result

    def tell_switched_off(self, request: HttpRequest, count: int, moved: int, kept: int) -> None:
        """Say how many operators are off now, and what became of their open contacts."""
        text = ngettext(
            "%(count)d operator switched off.", "%(count)d operators switched off.", count
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
        if moved or kept:
            text = _("Open contacts: %(moved)d went elsewhere, %(kept)d stayed.")
            level = messages.WARNING if kept else messages.INFO
            self.message_user(request, text % {"moved": moved, "kept": kept}, level)

    def tell_what_stays(self, request: HttpRequest, operator: Operator) -> None:
        """Say how many contacts an operator who is off keeps, and what can be done about it."""
        if not operator.current_load:
            return
        text = ngettext(
            "%(name)s is off and keeps %(count)d open contact.",
            "%(name)s is off and keeps %(count)d open contacts.",
            operator.current_load,
        ) % {"name": operator, "count": operator.current_load}
        if self.has_hand_over_permission(request):
            url = reverse("admin:distribution_operator_switch_off", args=[operator.pk])
            text = format_html('{} <a href="{}">{}</a>', text, url, _("Give them to others"))
        self.message_user(request, text, messages.WARNING)

    @page
    def take_next_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show which contact is the next one, and give it to the operator."""
        if not self.has_take_permission(request):
            raise PermissionDenied
        operator = get_object_or_404(Operator, pk=pk)
        refused: ServiceError | None = None
        if request.method == "POST":
            form = TakeNextForm(request.POST)
            if form.is_valid():
                try:
                    return self._take_next(request, operator, form)
                except ServiceError as error:
                    refused = error
                    operator = get_object_or_404(Operator, pk=pk)
        following = next_of(operator)
        form = _form_for(request, following)
        if refused is not None:
            form.add_error(None, _why_not(refused))
        context = {
            "title": _("Next waiting contact for %(name)s") % {"name": operator},
            "contact": following,
            "adminform": as_admin_form(form),
        }
        return self._page(request, "admin/leads/take_next.html", operator, context)

    def _take_next(
        self, request: HttpRequest, operator: Operator, form: TakeNextForm
    ) -> HttpResponse:
        with refused_when_busy():
            result = take_next_contact(operator.pk, actor=actor_of(request), **form.arguments())
        if result is None:
            raise AssertionError("unreachable: an expected contact is taken or refused")
        if result.changed:
            log_moves(request, Move.REASSIGN, [result.contact])
        text = format_html(_("Contact {} is with {} now."), object_link(result.contact), operator)
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(self._url(operator))

    def _url(self, operator: Operator) -> str:
        return reverse("admin:distribution_operator_change", args=[operator.pk])

    def _page(
        self, request: HttpRequest, template: str, operator: Operator, context: dict[str, Any]
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            **context,
            "opts": self.opts,
            "operator": operator,
            "load": _load_text(operator),
            "back": self._url(operator),
            "media": self.media,
        }
        return TemplateResponse(request, template, context)


def _why_not(error: ServiceError) -> str:
    return refusal_lines([Refusal.of(0, error)])[0][1]


def _load_text(operator: Operator) -> str:
    text = ngettext(
        "%(count)d open contact, the limit is %(limit)d.",
        "%(count)d open contacts, the limit is %(limit)d.",
        operator.current_load,
    )
    return text % {"count": operator.current_load, "limit": operator.max_load}


def next_of(operator: Operator) -> Contact | None:
    """Return the contact that has waited longest in the operator's sources, as it looks now."""
    queue = Contact.objects.waiting().filter(source__weights__operator=operator)
    return queue.select_related("source").order_by("pk").first()


def _form_for(request: HttpRequest, contact: Contact | None) -> TakeNextForm:
    """Return the form for this contact, with what was filled in for another one."""
    expected = contact.pk if contact else None
    if request.method != "POST":
        return TakeNextForm(initial={"expected_id": expected})
    form = TakeNextForm({**request.POST.dict(), "expected_id": expected})
    form.is_valid()
    return form
