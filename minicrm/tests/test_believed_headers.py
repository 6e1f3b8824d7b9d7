"""What a client on this very machine may not say of itself, over the wire."""

import json
import socket

import pytest

from minicrm.tests.server import running_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.any_database]

API = "/api/v1/sources/"


@pytest.fixture(scope="module")
def server(django_db_setup):
    with running_server(workers=1, HTTPS="1", BEHIND_PROXY="0") as server:
        yield server


def ask(server, path, *headers):
    """Return the status and the body."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
    with socket.create_connection(("127.0.0.1", server.port), 30) as client:
        client.sendall("\r\n".join(lines).encode())
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), body


@pytest.mark.parametrize("prefix", ["/x", "/healthz", "/api", "http://elsewhere.example"])
@pytest.mark.parametrize("name", ["SCRIPT_NAME", "PATH_INFO", "Script-Name", "REMOTE_USER"])
def test_nobody_moves_the_path(server, name, prefix):
    status, _head, body = ask(server, "/healthz", f"{name}: {prefix}")
    assert (status, json.loads(body)) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "headers",
    [
        ["X-Forwarded-Proto: https"],
        ["X-Forwarded-Protocol: ssl"],
        ["X-Forwarded-Ssl: on"],
        ["X-Forwarded-Proto: https", "X-Forwarded-Ssl: off"],
    ],
)
def test_without_a_proxy_https_is_no_claim(server, headers):
    status, _head, body = ask(server, API, *headers)
    assert (status, b'"code": "https_required"' in body) == (403, True)
    status, head, _body = ask(server, "/accounts/login/", *headers)
    assert (status, "Location: https://localhost/accounts/login/" in head) == (301, True)
