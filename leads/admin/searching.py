"""Searches of the admin that are posted: what people are looked for by stays out of addresses."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from distribution.admin.base import AnyModelAdmin, changelist_url
from minicrm.pages import changed_query
from minicrm.searches import PLAIN_NUMBER, keep_search, kept_search


class GuardedLookups(AnyModelAdmin):
    """Lists whose address looks nobody up, part by part, for those who may not see it."""

    personal_fields: frozenset[str]

    def sees_personal_data(self, request: HttpRequest) -> bool:
        """Whether this user may see what people are known by, of many at once."""
        return request.user.has_perm("leads.see_personal_data")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse `?email__startswith=a` and the like: each answer would tell one letter more."""
        field = lookup.partition(LOOKUP_SEP)[0]
        if field in self.personal_fields and not self.sees_personal_data(request):
            return False
        return super().lookup_allowed(lookup, value, request)


class FoundList(ChangeList):
    """A page of what was found, by a number in the address or a text that a token stands for."""

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: Any | None = None
    ) -> QuerySet[Any]:
        """Search for the text itself; the address and the links have the token."""
        self.query = text_of(request) or ""
        return super().get_queryset(request, exclude_parameters)


class PostedSearch(AnyModelAdmin):
    """Lists whose search box posts (templates/admin/leads/search_form.html)."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that knows what the token in its address stands for."""
        return FoundList

    def get_urls(self) -> list[URLPattern]:
        """Add where the search box posts to."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_search"
        view = self.admin_site.admin_view(self.search_view)
        return [path("search/", view, name=name), *super().get_urls()]

    @method_decorator(require_POST)
    def search_view(self, request: HttpRequest) -> HttpResponse:
        """Keep the text, and lead to the list of what it finds, with the filters as they are."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        text = request.POST.get(SEARCH_VAR, "").strip()
        if "\0" in text:
            raise BadRequest("U+0000 cannot be looked up")
        in_address = text if PLAIN_NUMBER.fullmatch(text) else keep_search(request.session, text)
        query = changed_query(
            request.POST, csrfmiddlewaretoken=None, **{SEARCH_VAR: in_address if text else None}
        )
        return HttpResponseRedirect(changelist_url(self.model) + query)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show the list; a search that is not known here is to be made again."""
        if text_of(request) is None:
            text = _("This search is not known here. Search again, with the box above the list.")
            self.message_user(request, text, messages.WARNING)
            query = changed_query(request.GET, **{SEARCH_VAR: None})
            return HttpResponseRedirect(request.path + query)
        return super().changelist_view(request, extra_context)


def text_of(request: HttpRequest) -> str | None:
    """Return what the address looks for, or None for what this session does not know."""
    looked_for = request.GET.get(SEARCH_VAR, "").strip()
    if not looked_for or PLAIN_NUMBER.fullmatch(looked_for) or "\0" in looked_for:
        return looked_for  # U+0000 is refused by `AnyModelAdmin.get_queryset`
    return kept_search(request.session, looked_for)
