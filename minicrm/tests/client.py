"""A caller of the JSON API for tests; it checks of every answer what holds for all of them."""

import json

from django.test import Client

from distribution.tests.factories import make_key

PROBLEM = "application/problem+json"
MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}


class Api:
    """Calls the API with one key. `body` is sent as JSON, `raw` as it is."""

    def __init__(self, token=None):
        self.token = token
        self.client = Client()

    def request(self, method, path, body=None, *, raw=None, headers=None, **environ):
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        environ.setdefault("content_type", "application/json")
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        response = self.client.generic(
            method,
            path if path.startswith("/") else f"/api/v1/{path}",
            content,
            headers=authorization | (headers or {}),
            **environ,
        )
        return checked(response)

    def get(self, path, **kwargs):
        return self.request("GET", path, **kwargs)

    def post(self, path, body=None, **kwargs):
        return self.request("POST", path, body, **kwargs)

    def put(self, path, body=None, **kwargs):
        return self.request("PUT", path, body, **kwargs)

    def patch(self, path, body=None, **kwargs):
        return self.request("PATCH", path, body, **kwargs)

    def delete(self, path, **kwargs):
        return self.request("DELETE", path, **kwargs)


def api_with_key(**kwargs):
    """Return a caller with a new key: `source=` binds it, `can_manage=` lets it change things."""
    return Api(make_key(**kwargs))


def checked(response):
    """Return the answer; fail when it is a redirect, no JSON, or an error not in our format."""
    assert not 300 <= response.status_code < 400, response["Location"]
    assert response["X-Request-ID"]
    if response.status_code >= 400:
        check_problem(response)
    elif response.status_code != 204:
        assert response["Content-Type"].split(";")[0] == "application/json"
    return response


def check_problem(response):
    """Fail unless the answer is a problem document that agrees with its own headers."""
    assert response["Content-Type"] == PROBLEM
    problem = response.json()
    assert problem.keys() - {"errors", "contact"} == MEMBERS
    assert problem["status"] == response.status_code
    assert problem["type"] == f"/api/v1/docs#{problem['code']}"
    assert problem["title"]
    assert problem["detail"].endswith((".", "…"))
    assert problem["request_id"] == response["X-Request-ID"]
    for error in problem.get("errors", ()):
        assert error.keys() == {"field", "code", "message"}
        assert error["code"]
        assert error["message"]


def refusal(response):
    """Return an error answer in short: its status, its code, and what it says of which field."""
    problem = response.json()
    errors = {error["field"]: error["code"] for error in problem.get("errors", ())}
    return response.status_code, problem["code"], errors
