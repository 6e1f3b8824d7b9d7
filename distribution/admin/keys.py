"""API keys in Django's admin: made, renamed and revoked, never shown again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from distribution.admin.base import NameForm, ServiceAdmin
from distribution.keys import create_api_key, rename_api_key, revoke_api_key
from distribution.models import ApiKey
from minicrm.pages import actor_of


class RevokedFilter(admin.SimpleListFilter):
    """Keys that work, and keys that do not any more."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the two kinds."""
        return [("live", gettext_lazy("valid")), ("revoked", gettext_lazy("revoked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model] | None:
        """Return the keys of the chosen kind."""
        if self.value() not in ("live", "revoked"):
            return None
        return queryset.filter(revoked_at__isnull=self.value() == "live")


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceAdmin):
    """What a key may do is settled when it is made; afterwards its name changes, and it ends."""

    form = NameForm
    list_display = [
        "name",
        "prefix",
        "source",
        "can_manage",
        "created_at",
        "last_used_at",
        "revoked_at",
    ]
    list_select_related = ["source"]
    list_filter = [RevokedFilter, "can_manage", ("source", admin.RelatedOnlyFieldListFilter)]
    search_fields = ["name", "prefix__startswith"]
    autocomplete_fields = ["source"]
    ordering = ["-id"]
    actions = ["revoke_chosen"]
    fields = ["name", "source", "can_manage"]
    shown_fields = ["prefix", "created_at", "last_used_at", "revoked_at"]
    change_form_template = "admin/distribution/apikey/change_form.html"

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """A key that is not made yet has only what one chooses."""
        return self.fields if obj is None else [*self.fields, *self.shown_fields]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """A key never turns into another key."""
        return self.shown_fields if obj is None else ["source", "can_manage", *self.shown_fields]

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Revoked keys stay, so that what was done with them can be explained."""
        return False

    def save_model(
        self, request: HttpRequest, obj: ApiKey, form: ModelForm[ApiKey], change: bool
    ) -> None:
        """Make the key and show it this once, or write the new name."""
        if change:
            rename_api_key(obj, name=obj.name, actor=actor_of(request))
            return
        row, token = create_api_key(
            name=obj.name, source=obj.source, can_manage=obj.can_manage, actor=actor_of(request)
        )
        obj.pk, obj.prefix = row.pk, row.prefix
        text = _("Copy the key now, it cannot be shown again:")
        self.message_user(request, format_html("{} <code>{}</code>", text, token), messages.WARNING)

    @admin.action(description=gettext_lazy("Revoke: cannot be used again"), permissions=["change"])
    def revoke_chosen(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Revoke the chosen keys."""
        live = list(queryset.filter(revoked_at=None))
        for key in live:
            self._revoke(request, key)
        text = ngettext("%(count)d key revoked.", "%(count)d keys revoked.", len(live))
        self.message_user(request, text % {"count": len(live)}, messages.SUCCESS)

    def get_urls(self) -> list[URLPattern]:
        """Add the page that revokes one key."""
        view = self.admin_site.admin_view(self.revoke_view)
        return [
            path("<int:pk>/revoke/", view, name="distribution_apikey_revoke"),
            *super().get_urls(),
        ]

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask whether to revoke a key, and do it."""
        key = get_object_or_404(ApiKey, pk=pk)
        if not self.has_change_permission(request, key):
            raise PermissionDenied
        if request.method == "POST":
            if key.revoked_at is None:
                self._revoke(request, key)
            self.message_user(request, _("The key is revoked."), messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:distribution_apikey_change", args=[pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Revoke this key?"),
            "subtitle": str(key),
            "opts": self.opts,
            "original": key,
        }
        return TemplateResponse(request, "admin/distribution/apikey/revoke.html", context)

    def _revoke(self, request: HttpRequest, key: ApiKey) -> None:
        revoke_api_key(key, actor=actor_of(request))
        self.log_change(request, key, [{"changed": {"fields": ["revoked"]}}])
