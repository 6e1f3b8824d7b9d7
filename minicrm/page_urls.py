"""Addresses for signing in and out, changing the password and the language: under `accounts/`."""

from typing import Any

from django.conf import settings
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST
from django.views.i18n import set_language
from django_htmx.http import HttpResponseClientRefresh

from minicrm.pages import THEME_COOKIE, THEMES, go_back

YEAR = 365 * 24 * 3600


class SignInView(auth_views.LoginView):
    """The sign-in page; a page that polls in the background after a sign-out is loaded anew."""

    redirect_authenticated_user = True

    @method_decorator(login_not_required)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the form, or make the page around a background request ask for it."""
        if request.headers.get("HX-Request") == "true":
            return HttpResponseClientRefresh()
        return super().dispatch(request, *args, **kwargs)


@login_not_required
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep the theme that was chosen in a cookie; anything else than a theme is ignored."""
    response = go_back(request, settings.LOGIN_REDIRECT_URL)
    if request.POST.get("theme") in THEMES:
        response.set_cookie(
            THEME_COOKIE,
            request.POST["theme"],
            max_age=YEAR,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
        )
    return response


password_changed = auth_views.PasswordChangeDoneView.as_view()

urlpatterns = [
    path("login/", SignInView.as_view(), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("password/", auth_views.PasswordChangeView.as_view(), name="password_change"),
    path("password/done/", password_changed, name="password_change_done"),
    path("theme/", set_theme, name="set_theme"),
    path("language/", login_not_required(set_language), name="set_language"),
]
