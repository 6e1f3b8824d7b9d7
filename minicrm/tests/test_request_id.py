"""X-Request-ID: one id for an answer, its error body and its lines in the log."""

import logging
import re

import pytest
from django.test import Client

from distribution.tests.factories import make_key
from minicrm.request_id import RequestIdFilter, current_request_id
from minicrm.tests.client import Api

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]


@pytest.fixture
def lines():
    """The ids on the log's lines."""
    seen = []

    class Handler(logging.Handler):
        def emit(self, record):
            seen.append(record.request_id)

    handler = Handler()
    handler.addFilter(RequestIdFilter())
    logging.getLogger("django.request").addHandler(handler)
    yield seen
    logging.getLogger("django.request").removeHandler(handler)


def test_each_request_has_an_id_of_its_own():
    ids = [Client().get("/healthz")["X-Request-ID"] for _ in range(20)]
    assert len(set(ids)) == 20
    assert all(re.fullmatch("[0-9a-f]{16}", request_id) for request_id in ids)


@pytest.mark.parametrize("supplied", ["a1b2c3d4", "Req_1.2-3-long-enough", "x" * 64])
def test_id_of_a_proxy_is_kept_everywhere(supplied, lines):
    response = Api().get("operators/", headers={"X-Request-ID": supplied})
    assert response["X-Request-ID"] == supplied
    assert response.json()["request_id"] == supplied
    assert lines == [supplied]


@pytest.mark.parametrize(
    "supplied",
    [
        "",
        "short",
        "x" * 65,
        "with space",
        "line\nbreak1",
        "12345678\n",
        "a" * 8 + "\x1b[31m",
        "\u00e9" * 8,
    ],
)
def test_id_that_would_spoil_a_log_is_replaced(supplied, lines):
    response = Api().get("operators/", headers={"X-Request-ID": supplied})
    assert re.fullmatch("[0-9a-f]{16}", response["X-Request-ID"])
    assert response.json()["request_id"] == response["X-Request-ID"]
    assert lines == [response["X-Request-ID"]]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/operators/"), ("GET", "/api/v1/nothing"), ("DELETE", "/api/v1/leads/"),
        ("POST", "/api/v1/operators/"), ("GET", "/api/v1/docs"), ("GET", "/api/v1/openapi.json"),
    ],
)  # fmt: skip
def test_every_answer_of_the_api_has_one(method, path):
    response = Client().generic(
        method, path, b"x" * 70_000 if method == "POST" else b"",
        headers={"Authorization": f"Bearer {make_key()}", "X-Request-ID": "from-the-proxy"},
    )  # fmt: skip
    assert response["X-Request-ID"] == "from-the-proxy"


def test_lines_outside_of_requests_have_none():
    record = logging.LogRecord("x", logging.INFO, "", 0, "", (), None)
    token = current_request_id.set("-")
    assert RequestIdFilter().filter(record)
    current_request_id.reset(token)
    assert record.request_id == "-"
