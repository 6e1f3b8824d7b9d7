"""Users and their roles."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from distribution import rights
from distribution.forms.users import CreateUserForm, EditUserForm
from distribution.refusals import refusal_text
from distribution.rights import RightsRefused, given_role
from minicrm.errors import NotFound
from minicrm.pages import actor_of, go_back, show, toast

PAGE_SIZE = 50
REFUSALS = {
    "username_taken": gettext_lazy("A user with that username already exists."),
    "user_changed": gettext_lazy(
        "Somebody has changed this user meanwhile. Here is what is set now; change it if you like."
    ),
    "superuser_only": gettext_lazy("Only a superuser may change a superuser."),
    "own_rights": gettext_lazy(
        "You cannot take your own role or access away. Another administrator can."
    ),
    "last_administrator": gettext_lazy(
        "This is the last administrator who can sign in. Make another one first."
    ),
    "role_missing": gettext_lazy("The group of this role is gone. A superuser can restore it."),
}


@require_safe
@permission_required("auth.view_user", raise_exception=True)
def users(request: HttpRequest) -> HttpResponse:
    """List the users by name, each with their role."""
    everybody = User.objects.order_by("username").prefetch_related("groups")
    page = Paginator(everybody, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = [(user, given_role(user)) for user in page]
    return show(request, "users/list.html", {"page": page, "rows": rows})


@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("auth.add_user", raise_exception=True)
def create_user(request: HttpRequest) -> HttpResponse:
    """Add a user in a role, with a first password."""
    form = CreateUserForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _form_again(request, "users/create.html", form)
    values = form.cleaned_data
    try:
        user = rights.create_user(
            username=values["username"],
            password=values["password1"],
            role=values["role"],
            actor=actor_of(request),
        )
    except RightsRefused as error:
        return _form_again(request, "users/create.html", form, error=error)
    toast(request, _("%(name)s was added.") % {"name": user.get_username()})
    return go_back(request, "distribution:users")


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("auth.change_user", raise_exception=True)
def edit_user(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a user another role, or let them sign in or not."""
    user = get_object_or_404(User, pk=pk)
    context = {"subject": user, "locked": _is_beyond(request, user)}
    form = EditUserForm(user, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _form_again(request, "users/edit.html", form, context)
    try:
        rights.update_user(
            pk,
            role=form.cleaned_data["role"],
            is_active=form.cleaned_data["is_active"],
            seen=form.as_seen(),
            actor=actor_of(request),
        )
    except NotFound as error:
        raise Http404 from error
    except RightsRefused as error:
        user.refresh_from_db()
        if error.code == "user_changed":
            form = EditUserForm(user)
        return _form_again(request, "users/edit.html", form, context, error=error)
    toast(request, _("%(name)s was changed.") % {"name": user.get_username()})
    return go_back(request, "distribution:users")


@sensitive_post_parameters("new_password1", "new_password2")
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("auth.change_user", raise_exception=True)
def set_password(request: HttpRequest, pk: int) -> HttpResponse:
    """Set the password of somebody else; one's own is changed on a page that asks for the old."""
    if pk == request.user.pk:
        return redirect("password_change")
    user = get_object_or_404(User, pk=pk)
    context = {"subject": user, "locked": _is_beyond(request, user)}
    form = SetPasswordForm(user, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _form_again(request, "users/password.html", form, context)
    try:
        rights.set_password(pk, form.cleaned_data["new_password1"], actor=actor_of(request))
    except NotFound as error:
        raise Http404 from error
    except RightsRefused as error:
        return _form_again(request, "users/password.html", form, context, error=error)
    text = _("%(name)s has a new password, and was signed out everywhere.")
    toast(request, text % {"name": user.get_username()})
    return go_back(request, "distribution:users")


def _is_beyond(request: HttpRequest, user: User) -> bool:
    """Whether only superusers may change this user, and whoever asks is none."""
    return user.is_superuser and not getattr(request.user, "is_superuser", False)


def _form_again(
    request: HttpRequest,
    template: str,
    form: Form | CreateUserForm | SetPasswordForm[User],
    context: dict[str, Any] | None = None,
    *,
    error: RightsRefused | None = None,
) -> HttpResponse:
    """Show a form for the first time, or again with what is wrong, or with what was refused."""
    status = 422 if form.is_bound else 200
    refusal = ""
    if error is not None:
        status, refusal = 409, str(REFUSALS.get(error.code) or refusal_text(error))
        if error.field and form.is_bound:
            form.add_error(error.field, refusal)
            refusal = ""
    context = {"form": form, "refusal": refusal} | (context or {})
    return show(request, template, context, status=status)
