"""Addresses for signing in and out, the password, the language, the theme: under `accounts/`."""

from django.conf import settings
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from minicrm.pages import THEME_COOKIE, THEMES, go_back
from minicrm.signing_in import ChangePasswordView, SignInView

THEME_COOKIE_SECONDS = 365 * 24 * 60 * 60


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


password_changed = auth_views.PasswordChangeDoneView.as_view(http_method_names=["get", "head"])

urlpatterns = [
    path("login/", SignInView.as_view(), name="login"),
    path("logout/", auth_views.LogoutView.as_view(http_method_names=["post"]), name="logout"),
    path("password/", ChangePasswordView.as_view(), name="password_change"),
    path("password/done/", password_changed, name="password_change_done"),
    path("language/", login_not_required(set_language), name="set_language"),
    path("theme/", set_theme, name="set_theme"),
]
