"""Addresses for signing in and out, the password, the language, the theme: under `accounts/`."""

from typing import Any

from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST
from django.views.i18n import set_language
from django_htmx.http import HttpResponseClientRefresh

from distribution.rights import set_password
from minicrm.pages import THEME_COOKIE, THEMES, actor_of, go_back

THEME_COOKIE_SECONDS = 365 * 24 * 60 * 60


class SignInView(auth_views.LoginView):
    """The sign-in page; a page that polls in the background after a sign-out is loaded anew."""

    redirect_authenticated_user = True

    @method_decorator(login_not_required)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the form, or make the page around a background request ask for it."""
        if request.headers.get("HX-Request") == "true":
            return HttpResponseClientRefresh()
        return super().dispatch(request, *args, **kwargs)


class ChangePasswordView(auth_views.PasswordChangeView):
    """The user's own password; that it was changed is recorded, as for anybody's."""

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
        return self.render_to_response(self.get_context_data(form=form), status=422)


@login_not_required
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep which colours a browser shows, and lead back; one that we do not have is ignored."""
    response = go_back(request, settings.LOGIN_REDIRECT_URL)
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        response.set_cookie(
            THEME_COOKIE,
            theme,
            max_age=THEME_COOKIE_SECONDS,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
        )
    return response


password_changed = auth_views.PasswordChangeDoneView.as_view()

urlpatterns = [
    path("login/", SignInView.as_view(), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("password/", ChangePasswordView.as_view(), name="password_change"),
    path("password/done/", password_changed, name="password_change_done"),
    path("language/", login_not_required(set_language), name="set_language"),
    path("theme/", set_theme, name="set_theme"),
]
