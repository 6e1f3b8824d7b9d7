"""All addresses of the site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from minicrm.api import api
from minicrm.health import healthz, readyz
from minicrm.metrics.view import metrics
from minicrm.signing_in import change_password_in_admin, sign_in_to_admin

handler400 = "minicrm.error_pages.bad_request"
handler404 = "minicrm.middleware.not_found"
handler500 = "minicrm.failures.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("admin/login/", sign_in_to_admin, name="sign_in_to_admin"),
    path("admin/password_change/", change_password_in_admin, name="change_password_in_admin"),
    path("admin/", admin.site.urls),
    path("accounts/", include("minicrm.page_urls")),
    path("", include("distribution.urls")),
    path("", include("leads.urls")),
]
