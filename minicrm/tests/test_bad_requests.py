"""What is logged of a request that broke, and what it leaves behind."""

import logging
import socket
from types import SimpleNamespace

import pytest
from gunicorn.http import errors

from minicrm.bad_requests import AnswersBadRequests, problem_bytes
from minicrm.request_id import current_request_id

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize("error", [RuntimeError("x"), errors.ConfigurationProblem("x")])
def test_the_path_of_a_request_that_broke_is_not_logged(caplog, error):
    worker, (client, other) = AnswersBadRequests(), socket.socketpair()
    worker.log = logging.getLogger("minicrm.test")
    request = SimpleNamespace(method="GET", path="/leads/lead@example.com/", uri="/?email=x")
    with client, other:
        worker.handle_error(request, client, ("203.0.113.7", 1), error)
        answer = other.recv(65_536)
    (record,) = caplog.records
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert record.getMessage().startswith("Error handling a GET request [")
    assert "lead@example.com" not in record.getMessage()


def test_a_refusals_id_is_not_left_on_the_thread():
    request_id, answer = problem_bytes(400, "bad_request", "No.")
    assert request_id.encode() in answer
    assert current_request_id.get() == "-"
