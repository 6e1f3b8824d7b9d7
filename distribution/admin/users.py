"""Users and groups in Django's admin: as Django has them, with every change of rights recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from distribution.admin.base import SAFE_METHODS, AnyModelAdmin, changelist_url
from distribution.audit import record
from distribution.rights import (
    RightsRefused,
    administrators,
    check_somebody_administrates,
    lock_administrators,
    record_password,
    rights_of_group,
    rights_of_user,
)
from minicrm.pages import actor_of

if TYPE_CHECKING:
    UserPages = DjangoUserAdmin[User]
else:
    UserPages = DjangoUserAdmin

admin.site.unregister([User, Group])


class RightsAdmin(AnyModelAdmin):
    """Records what an object was and is, in the transaction that changes it."""

    object_type: ClassVar[str]

    def rights_of(self, obj: Any) -> dict[str, Any]:
        """Return what is recorded of an object."""
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """Note what is there before it is written over."""
        # Locked: nobody changes it between the note and the writing.
        stored = type(obj)._base_manager.select_for_update(no_key=True)
        form.rights_before = self.rights_of(stored.get(pk=obj.pk)) if change else None
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Groups and permissions are written last; then the change is known as a whole."""
        super().save_related(request, form, formsets, change)
        obj = form.instance
        action = "changed" if change else "created"
        before, after = form.rights_before, self.rights_of(obj)
        self._record(request, action, obj.pk, str(obj), before=before, after=after)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete the object; what it was stays on record."""
        number, name = obj.pk, str(obj)
        with transaction.atomic():
            before = self.rights_of(obj)
            super().delete_model(request, obj)
            self._record(request, "deleted", number, name, before=before, after=None)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete several, all or none."""
        with transaction.atomic():
            for obj in queryset.order_by("pk"):
                self.delete_model(request, obj)

    def _record(
        self,
        request: HttpRequest,
        action: str,
        number: int,
        name: str,
        *,
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
        object_type: str = "",
    ) -> None:
        record(
            actor=actor_of(request),
            action=action,
            obj_type=object_type or self.object_type,
            object_id=number,
            object_name=name,
            before=before,
            after=after,
        )


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    acting_is_superuser = bool(getattr(request.user, "is_superuser", False))
    return acting_is_superuser or user is None or not user.is_superuser


@admin.register(User)
class UserAdmin(RightsAdmin, UserPages):
    """Django's page of users. That a password was changed is recorded, never the password."""

    object_type = "user"

    def rights_of(self, obj: User) -> dict[str, Any]:
        """Return what the user may do."""
        return rights_of_user(obj)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Only superusers change superusers, here as on our own pages."""
        return _may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Only superusers delete superusers."""
        return _may_touch(request, obj) and super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only superusers make superusers: others would make themselves one."""
        fields = [*super().get_readonly_fields(request, obj)]
        return fields if request.user.is_superuser else [*fields, "is_superuser"]

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """Note whether anybody administrates; see `save_related`."""
        lock_administrators()
        form.was_administrated = administrators().exists()
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Raise RightsRefused where that would leave nobody to administrate."""
        super().save_related(request, form, formsets, change)
        if form.was_administrated:
            check_somebody_administrates()

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Delete the user, unless nobody would be left to administrate."""
        with transaction.atomic():
            lock_administrators()
            super().delete_model(request, obj)
            check_somebody_administrates()

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Show or save the form; what is refused is told, and nothing is saved."""
        return self._told(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Ask, or delete."""
        return self._told(request, super().delete_view, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Show the list, or run an action."""
        return self._told(request, super().changelist_view, *args, **kwargs)

    def _told(self, request: HttpRequest, view: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            with transaction.atomic():  # the admin's own log of it, too
                return view(request, *args, **kwargs)
        except RightsRefused:
            text = _("This is the last administrator who can sign in. Make another one first.")
            self.message_user(request, text, messages.ERROR)
            return HttpResponseRedirect(changelist_url(User))

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """Show the form, or set another password."""
        view = super().user_change_password
        if request.method in SAFE_METHODS:
            return view(request, id, form_url)
        with transaction.atomic():
            user = self.get_object(request, unquote(id))
            response = view(request, id, form_url)
            stored = User.objects.filter(pk=user.pk).first() if user else None
            if user and stored and stored.password != user.password:
                record_password(stored, actor=actor_of(request))
        return response


@admin.register(Group)
class GroupAdmin(RightsAdmin, DjangoGroupAdmin):
    """Django's page of groups; whoever was in a group that is deleted has changed too."""

    object_type = "group"

    def rights_of(self, obj: Group) -> dict[str, Any]:
        """Return what the group's members may do."""
        return rights_of_group(obj)

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        """Delete the group and record what its members lose."""
        with transaction.atomic():
            members = list(obj.user_set.order_by("pk"))
            before = [rights_of_user(user) for user in members]
            super().delete_model(request, obj)
            self._record_members(request, zip(members, before, strict=True))

    def _record_members(
        self, request: HttpRequest, members: Iterable[tuple[User, dict[str, Any]]]
    ) -> None:
        for user, before in members:
            self._record(
                request,
                "changed",
                user.pk,
                str(user),
                before=before,
                after=rights_of_user(user),
                object_type="user",
            )
