"""Raw bytes to a real gunicorn: the same one format, also where the application is not reached."""

import json
import socket

import pytest

from distribution.models import Operator
from distribution.tests.factories import make_key
from minicrm.tests.client import MEMBERS, PROBLEM
from minicrm.tests.hostile.wire import REQUESTS
from minicrm.tests.server import running_server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.slow_on_postgresql,
]


def answer(port, sent):
    """Send bytes, and no more; return the status, the headers and the body of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65_536):
            received += part
    head, _, body = received.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = body.partition(b"\r\n")[2].partition(b"\r\n0\r\n")[0]
    return int(status.split()[1]), headers, body


def what_is_wrong(request, status, headers, body):
    """Return what is wrong with an answer, or nothing."""
    try:
        problem = json.loads(body)
    except ValueError:
        return f"{status} {body[:80]!r}"
    if (status, problem.get("code")) != (request.status, request.code):
        return f"{status} {problem}"
    if headers["content-type"] != PROBLEM or problem.keys() - {"errors"} != MEMBERS:
        return f"{headers} {problem}"
    if problem["request_id"] != headers["x-request-id"] or problem["status"] != status:
        return "another id or status within"
    return ""


def test_raw_requests_get_the_one_format_too():
    assert len({request.name for request in REQUESTS}) == len(REQUESTS)
    token, wrong = make_key(can_manage=True), {}
    with running_server(workers=1, API_RATE_LIMIT="off") as server:
        for request in REQUESTS:
            if found := what_is_wrong(request, *answer(server.port, request.bytes(token))):
                wrong[request.name] = found
    assert wrong == {}
    assert not Operator.objects.exists()


def test_what_was_sent_is_not_logged(capfd):
    secret = b"lead@example.com"
    with running_server(workers=1) as server:
        for start in (b"get /?email=%s HTTP/1.1", b"GET /?email=\xff%s HTTP/1.1", b"%s"):
            answer(server.port, start % secret + b"\r\nHost: localhost\r\n\r\n")
        answer(server.port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-%s\r\n\r\n" % secret)
    logged = "".join(capfd.readouterr())
    assert logged.count("Refused a request") == 4
    assert secret.decode() not in logged
