"""What the admin pages of both apps share: the way through the services, deleting, small links."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.core.exceptions import BadRequest
from django.db import IntegrityError
from django.db.models import Model, ProtectedError, QuerySet
from django.db.models.deletion import PROTECT
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from distribution.refusals import refusal_text
from minicrm.errors import ServiceError
from minicrm.text import clean_line
from minicrm.transactions import retried

if TYPE_CHECKING:
    DjangoModelAdmin = admin.ModelAdmin[Any]
    AnyModelForm = ModelForm[Any]
else:
    DjangoModelAdmin = admin.ModelAdmin
    AnyModelForm = ModelForm

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
PROTECTING_SHOWN = 10  # of what keeps an object from being deleted; there may be a million


def changelist_url(model: type[Model], **filters: object) -> str:
    """Return the address of a model's list, filtered."""
    options = model._meta
    return reverse(
        f"admin:{options.app_label}_{options.model_name}_changelist", query=filters or None
    )


def object_link(obj: Model | None, text: object = None) -> str:
    """Return a link to an object's own page, or a dash for no object."""
    if obj is None:
        return "–"
    options = obj._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[obj.pk])
    return format_html('<a href="{}">{}</a>', url, obj if text is None else text)


def related_lists(obj: Model) -> SafeString:
    """Return links to the lists of everything that points at `obj` and has an admin page."""
    links = []
    relations = obj._meta.related_objects
    models = [relation.related_model for relation in relations]
    for relation, model in zip(relations, models, strict=True):
        try:
            url = changelist_url(model, **{f"{relation.field.name}__id__exact": obj.pk})
        except NoReverseMatch:  # a table without a page of its own
            continue
        label = str(model._meta.verbose_name_plural)
        if models.count(model) > 1:  # it points here in two roles
            label = f"{label} ({relation.field.verbose_name})"
        links.append((url, label))
    return format_html_join(" · ", '<a href="{}">{}</a>', links)


class AnyModelAdmin(DjangoModelAdmin):
    """What all pages share: none looks anything up by what no database can hold."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the objects; every list, page and suggestion begins here.

        Raises BadRequest for a U+0000 in the address: PostgreSQL has no text for it.
        """
        texts = (text for name, values in request.GET.lists() for text in (name, *values))
        if any("\0" in text for text in texts):
            raise BadRequest("U+0000 cannot be looked up")
        return super().get_queryset(request)


class ServiceForm(AnyModelForm):
    """A form that shows what a service refused, and knows what it showed when it was opened.

    `changed_data` is what the user changed, not what differs from what others wrote meanwhile.
    """

    refusal: ServiceError | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            # A script sends no more than the values; those are compared with what is stored.
            told = not self.is_bound or self.add_initial_prefix(name) in self.data
            field.show_hidden_initial = self.instance.pk is not None and told

    def clean(self) -> dict[str, Any] | None:
        """Report the refusal, at the field it names where the form has that field."""
        cleaned = super().clean()
        if self.refusal is not None:
            field = self.refusal.field
            self.add_error(field if field in self.fields else None, refusal_text(self.refusal))
        return cleaned


class NameForm(ServiceForm):
    """A form that keeps names in their one spelling."""

    def clean_name(self) -> str:
        """Return the name as the API would store it."""
        return clean_line(str(self.cleaned_data["name"]))


class ServiceAdmin(AnyModelAdmin):
    """An admin whose writes go through services, which see to their own transactions.

    Whatever the services refuse is shown in the form, and nothing is saved.
    """

    form = ServiceForm

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show or save the form; a refused save is shown again with the reason.

        Without the transaction that Django puts around it: a service that hands out the places of
        a long queue does so in several, and runs each of them again when the database asks for it.
        """
        view = self._changeform_view  # type: ignore[attr-defined]
        try:
            return view(request, object_id, form_url, extra_context)
        except ServiceError as error:
            # The same form once more, this time knowing that it cannot be saved.
            request.META["minicrm.refusal"] = error
            return view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: Any | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[Any]]:
        """Return the form class, with what a service refused in this request."""
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal = request.META.get("minicrm.refusal")
        return type(form.__name__, (form,), {"refusal": refusal}) if refusal else form

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Ask, or delete; what came in between is told, and nothing is deleted."""
        view = super().delete_view
        if request.method in SAFE_METHODS:
            return view(request, object_id, extra_context)
        return self._told(request, lambda: retried(view)(request, object_id, extra_context))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show the list, or run an action; what the services refuse is told."""
        view = super().changelist_view
        return self._told(request, lambda: view(request, extra_context))

    def _told(
        self, request: HttpRequest, answer: Callable[[], HttpResponseBase]
    ) -> HttpResponseBase:
        try:
            return answer()
        except ServiceError as error:
            text = refusal_text(error)
        except (ProtectedError, IntegrityError):
            text = _("Nothing was deleted: a contact came in between.")
        self.message_user(request, text, messages.ERROR)
        return HttpResponseRedirect(changelist_url(self.model))


class ProtectedDeletes(AnyModelAdmin):
    """Deletes through the services, one object or several, all or none.

    Says what protects an object from being deleted, by a few examples instead of a million.
    """

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete several, in the order in which all take locks."""
        for obj in queryset.order_by("pk"):
            self.delete_model(request, obj)

    @admin.action(permissions=["delete"], description=delete_selected.short_description)  # type: ignore[attr-defined]
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Ask, or delete: Django's own action, its log and the deletions in one transaction."""
        return retried(delete_selected)(self, request, queryset)

    def get_deleted_objects(
        self, objs: Sequence[Any] | QuerySet[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        """Return what would be deleted too, what may not, and what is in the way."""
        in_the_way = list(self._in_the_way(list(objs)))
        if in_the_way:
            shown = [object_link(obj, f"{obj._meta.verbose_name} {obj}") for obj in in_the_way]
            return [], {}, set(), [*shown[:PROTECTING_SHOWN], *self._more(shown)]
        return super().get_deleted_objects(objs, request)

    def _in_the_way(self, objs: list[Model]) -> Iterable[Model]:
        for relation in self.model._meta.related_objects:
            if relation.on_delete is PROTECT:
                rows = relation.related_model._default_manager.order_by("pk")
                yield from rows.filter(**{f"{relation.field.name}__in": objs})[
                    : PROTECTING_SHOWN + 1
                ]

    def _more(self, shown: list[str]) -> list[str]:
        return [_("and more")] if len(shown) > PROTECTING_SHOWN else []


class ReadOnlyAdmin(AnyModelAdmin):
    """Looks at everything and changes nothing."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ["-id"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Nobody deletes."""
        return False
