"""All addresses of the site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from minicrm.api import api
from minicrm.health import healthz, readyz

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("accounts/", include("minicrm.page_urls")),
    path("", include("distribution.urls")),
    path("", include("leads.urls")),
]
