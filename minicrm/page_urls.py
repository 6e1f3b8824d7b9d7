"""Addresses for signing in and out, changing the password and the language: under `accounts/`."""

from typing import Any

from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.i18n import set_language
from django_htmx.http import HttpResponseClientRefresh


class SignInView(auth_views.LoginView):
    """The sign-in page; a page that polls in the background after a sign-out is loaded anew."""

    redirect_authenticated_user = True

    @method_decorator(login_not_required)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the form, or make the page around a background request ask for it."""
        if request.headers.get("HX-Request") == "true":
            return HttpResponseClientRefresh()
        return super().dispatch(request, *args, **kwargs)


password_changed = auth_views.PasswordChangeDoneView.as_view()

urlpatterns = [
    path("login/", SignInView.as_view(), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("password/", auth_views.PasswordChangeView.as_view(), name="password_change"),
    path("password/done/", password_changed, name="password_change_done"),
    path("language/", login_not_required(set_language), name="set_language"),
]
