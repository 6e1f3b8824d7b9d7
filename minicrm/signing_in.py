"""Signing in, also to Django's admin, and one's own password; both wait after failures."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.contrib import admin
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRefresh

from distribution.rights import set_password
from minicrm.pages import actor_of
from minicrm.sign_in_guard import ask_to_try, forgive, wait_of


def wait_text(seconds: int) -> str:
    """Return how long somebody has to wait, in seconds up to a minute, else in minutes."""
    if seconds <= 60:
        text = ngettext(
            "There were too many failed attempts. Wait %(count)d second, then try again.",
            "There were too many failed attempts. Wait %(count)d seconds, then try again.",
            seconds,
        )
        return text % {"count": seconds}
    minutes = math.ceil(seconds / 60)
    text = ngettext(
        "There were too many failed attempts. Wait %(count)d minute, then try again.",
        "There were too many failed attempts. Wait %(count)d minutes, then try again.",
        minutes,
    )
    return text % {"count": minutes}


class SignInForm(AuthenticationForm):
    """Django's own, which says how long to wait where that is why it refuses."""

    def get_invalid_login_error(self) -> ValidationError:
        """Return why nobody was signed in."""
        if self.request is not None and (wait := wait_of(self.request)):
            return ValidationError(wait_text(wait), code="wait")
        return super().get_invalid_login_error()


class SignInView(auth_views.LoginView):
    """The sign-in page; a page that polls in the background after a sign-out is loaded anew."""

    http_method_names = ["get", "head", "post"]  # Django takes a PUT for a POST
    form_class = SignInForm
    redirect_authenticated_user = True

    @method_decorator(login_not_required)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the form, or make the page around a background request ask for it."""
        if request.headers.get("HX-Request") == "true":
            return HttpResponseClientRefresh()
        return super().dispatch(request, *args, **kwargs)

    def get_redirect_url(self) -> str:  # type: ignore[override]  # the stubs have an argument more
        """Return where to go on, if that is on this site; not back to this very page."""
        wanted = super().get_redirect_url()
        here = self.request.path
        return "" if urlsplit(urljoin(here, wanted)).path == here else wanted

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again with the name, and with what is wrong."""
        return _told_to_wait(super().form_invalid(form), wait_of(self.request))


class GuardedPasswordForm(PasswordChangeForm):
    """Asks for the old password, and takes no answer while whoever guesses has to wait."""

    wait = 0

    def clean_old_password(self) -> str:
        """Return the old password, if it is the right one and there is no need to wait."""
        if self.wait:
            raise ValidationError(wait_text(self.wait), code="wait")
        return super().clean_old_password()


class ChangePasswordView(auth_views.PasswordChangeView):
    """The user's own password; that it was changed is recorded, as for anybody's.

    Who guesses the old one here, at somebody's open browser, waits as at the sign-in page.
    """

    http_method_names = ["get", "head", "post"]
    form_class = GuardedPasswordForm

    def post(self, request: HttpRequest, *args: str, **kwargs: Any) -> HttpResponse:
        """Set the password if all is well; a right old password forgives the wrong ones."""
        form: Any = self.get_form()
        name = request.user.get_username()
        form.wait = ask_to_try(request, name)
        valid = form.is_valid()
        if "old_password" not in form.errors:
            forgive(request, name)
        return self.form_valid(form) if valid else self.form_invalid(form)

    def form_valid(self, form: Any) -> HttpResponse:
        """Store the new password; this browser stays signed in, all others are signed out."""
        request = self.request
        assert request.user.pk is not None  # noqa: S101  the login wall has let them through
        password = form.cleaned_data["new_password1"]
        user = set_password(request.user.pk, password, actor=actor_of(request))
        update_session_auth_hash(request, user)
        return HttpResponseRedirect(self.get_success_url())

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again, with what is wrong."""
        response = self.render_to_response(self.get_context_data(form=form), status=422)
        return _told_to_wait(response, form.wait)


def _told_to_wait(response: HttpResponse, seconds: int) -> HttpResponse:
    if seconds:
        response.status_code = 429
        response["Retry-After"] = str(seconds)
    return response


@login_not_required
@never_cache
def sign_in_to_admin(request: HttpRequest) -> HttpResponse:
    """Lead to our sign-in page: there is one, with one brake on guessing.

    Raises PermissionDenied for who is signed in already and may not use the admin.
    """
    wanted = request.GET.get("next", "")
    ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    wanted = wanted if ours else reverse("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(wanted)
    if not admin.site.has_permission(request):
        raise PermissionDenied
    return HttpResponseRedirect(wanted)


def change_password_in_admin(request: HttpRequest) -> HttpResponse:
    """Lead to our page for one's own password, which records that it was changed."""
    return redirect("password_change")


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token is missing or of an earlier sign-in: nothing was changed.

    The header tells scripts what the status alone does not.
    """
    response = render(request, "403_csrf.html", {"sign_in": request.path == reverse("login")})
    response.status_code = 403
    response["X-Form-Expired"] = "true"
    return response
