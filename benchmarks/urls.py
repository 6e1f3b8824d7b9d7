"""The application's addresses, and two views to compare it with, under the API's middleware."""

from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt

from minicrm.urls import urlpatterns as application

INSERT = "INSERT INTO bench_row (body) VALUES (%s)"


@csrf_exempt
def bare(request: HttpRequest) -> JsonResponse:
    """Answer, and do nothing: what the stack itself costs."""
    return JsonResponse({"id": 1}, status=201)


@csrf_exempt
def insert(request: HttpRequest) -> JsonResponse:
    """Store the body in one statement with its own COMMIT: what any stored request costs."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [request.body.decode()])
    return JsonResponse({"id": 1}, status=201)


urlpatterns: list[URLPattern | URLResolver] = [
    path("api/bench/bare", bare),
    path("api/bench/insert", insert),
    *application,
]
