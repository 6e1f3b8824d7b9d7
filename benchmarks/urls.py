"""The application's addresses, and two views to compare it with.

Each has two addresses: one like any Django view of this site has, behind all of its middleware, and
one under the API, where most of the middleware steps aside.
"""

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt

from minicrm.urls import urlpatterns as application

INSERT = "INSERT INTO bench_row (body) VALUES (%s)"


@login_not_required
@csrf_exempt
def bare(request: HttpRequest) -> JsonResponse:
    """Answer, and do nothing: what the stack itself costs."""
    return JsonResponse({"id": 1}, status=201)


@login_not_required
@csrf_exempt
def insert(request: HttpRequest) -> JsonResponse:
    """Store the body in one statement with its own COMMIT: what any stored request costs."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [request.body.decode()])
    return JsonResponse({"id": 1}, status=201)


urlpatterns: list[URLPattern | URLResolver] = [
    path("bench/bare", bare),
    path("bench/insert", insert),
    path("api/bench/bare", bare),
    path("api/bench/insert", insert),
    *application,
]
