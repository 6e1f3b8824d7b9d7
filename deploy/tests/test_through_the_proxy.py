"""The application as people and programs reach it in production."""

import http.client
import json
import re
import socket
from collections import Counter

import pytest

from deploy.local.processes import free_port, write_changed
from deploy.local.programs import find_programs
from deploy.local.proxy import LIMITED, Proxy
from deploy.tests.browser import Browser
from deploy.tests.load import Caller, check_nothing_lost, load, make_stage

pytestmark = [pytest.mark.topology, pytest.mark.any_database]


@pytest.fixture
def visitor(topology):
    visitor = Browser(topology.proxy.port)
    response, _ = visitor.sign_in(topology.access)
    assert (response.status, response.headers["Location"]) == (302, "/")
    return visitor


def test_somebody_signs_in_and_sees_the_overview(visitor, stage):
    response, page = visitor.request("GET", "/")
    assert response.status == 200
    assert f"Operator {_name_of(stage)}"[:20] in page
    sheets = re.findall(r'href="(/static/[^"]+\.css)"', page)
    assert sheets
    for sheet in sheets:
        answer, text = visitor.request("GET", sheet)
        assert (answer.status, bool(text)) == (200, True)
        assert "immutable" in answer.headers["Cache-Control"]


def _name_of(stage):
    name = stage.topology.postgres.psql(
        f"SELECT name FROM distribution_source WHERE id = {stage.source_id}"
    )
    return name.removeprefix("Source ")


def test_a_thousand_contacts_over_both_hosts_within_all_limits(topology, report):
    stage = make_stage(topology, limits=[50, 100, 150, 200, 250])
    with load(stage, connections=16, count=1_000) as running:
        pass
    assert running.summary() == {"201": 1_000}
    check_nothing_lost(stage, running)
    assert {key: counter for key, (counter, _) in stage.loads().items()} == stage.operators
    assert Counter(x.body["status"] for x in running.answers) == {"assigned": 750, "waiting": 250}
    served = Counter(re.findall(r"/contacts/\" 201 .* via 127\.0\.0\.1:(\d+) ", _log(topology)))
    by_host = {host.name: served[str(host.port)] for host in topology.hosts}
    assert min(by_host.values()) > 100, by_host
    report(f"1,000 contacts at 16 connections: all 201, limits full to the last place, {by_host}")


def _log(topology):
    return topology.proxy.access_log.read_text()


def test_export_streams_without_a_cursor_of_the_server(visitor, topology, stage):
    with load(stage, count=1_200):
        pass
    response, text = visitor.request("GET", f"/contacts/export/?source={stage.source_id}")
    assert response.status == 200
    rows = text.splitlines()
    assert len(rows) >= 1_201  # more than one chunk of leads/export.py
    assert rows[0].startswith("\ufeffid,")


def test_no_session_of_the_pool_keeps_anything_of_a_client(topology, stage):
    with load(stage, count=200):
        pass
    # Without the statement's own session: whatever the clients have left is in the others.
    left = topology.postgres.psql(
        "SELECT count(*) FILTER (WHERE state LIKE 'idle in transaction%'),"
        " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),"
        " (SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        "  WHERE a.usename = 'minicrm' AND a.state = 'idle')"
        " FROM pg_stat_activity WHERE usename = 'minicrm'"
    )
    assert left == "0|0|0"
    said = topology.manage("shell", "--no-imports", "-c", SESSIONS)
    assert set(said.splitlines()) == {"3s 8s UTC 0"}


SESSIONS = """
from django.db import connection, transaction
for _ in range(20):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('lock_timeout'), current_setting('statement_timeout'),"
            " current_setting('timezone'), (SELECT count(*) FROM pg_prepared_statements)"
        )
        print(*cursor.fetchone())
"""


def test_check_says_when_the_role_has_no_timeouts(topology):
    assert "minicrm.W" not in topology.manage("check", "--database", "default")
    alter = "ALTER ROLE minicrm RESET {0}".format
    topology.postgres.psql(f"{alter('lock_timeout')}; {alter('statement_timeout')}")
    try:
        topology.pooler.stop()
        topology.pooler.start()
        said = topology.manage("check", "--database", "default")
        assert re.findall(r"minicrm\.W\d+", said) == ["minicrm.W001", "minicrm.W002"]
    finally:
        timeouts = "SET lock_timeout = '3s'; ALTER ROLE minicrm SET statement_timeout = '8s'"
        topology.postgres.psql(f"ALTER ROLE minicrm {timeouts}")
        topology.pooler.stop()
        topology.pooler.start()


def test_proxy_refuses_in_the_format_of_the_api(topology):
    caller = Caller(topology)
    answer = caller.call("POST", "/api/v1/contacts/", {"message": "x" * 70_000})
    assert (answer.status, answer.body["code"]) == (413, "body_too_large")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["request_id"] == answer.headers["x-request-id"]
    assert answer.body.keys() == {"type", "title", "status", "detail", "code", "request_id"}
    page = caller.call("POST", "/accounts/login/", {"message": "x" * 1_100_000})
    assert (page.status, page.headers["content-type"]) == (413, "text/html; charset=utf-8")
    assert page.headers["x-request-id"] in page.body["text"]


def test_headers_that_are_too_large_are_refused_as_such(topology):
    answer = Caller(topology).call("GET", "/api/v1/sources/", **{"X-Demo": "x" * 9_000})
    assert (answer.status, answer.body["code"]) == (431, "headers_too_large")


def say(topology, head, *, address="127.0.0.1"):
    """Send a head, which may be none of HTTP's, and return the answer and its text."""
    where = ("127.0.0.1", topology.proxy.port)
    with socket.create_connection(where, timeout=20, source_address=(address, 0)) as connection:
        connection.sendall(f"{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer, answer.read().decode()


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        ("GET /api/v1/sources/ HTTP/1.1\r\nTransfer-Encoding: foo", 400, "bad_request"),
        ("TRACE /api/v1/sources/ HTTP/1.1", 405, "method_not_allowed"),
    ],
)
def test_what_nginx_does_not_speak_is_refused_in_the_format_of_the_api(
    topology, head, status, code
):
    answer, text = say(topology, head)
    body = json.loads(text)
    assert (answer.status, body["status"], body["code"]) == (status, status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-ID"] == body["request_id"]


@pytest.mark.parametrize(
    ("head", "status", "title"),
    [
        ("GET /leads/ HTTP/1.1\r\nTransfer-Encoding: foo", 400, "Bad Request"),
        ("GET /leads/ HTTP/3.0", 400, "Bad Request"),
        ("GET /api/v1/sources/ HTTP/3.0", 400, "Bad Request"),  # its address is never read
        ("TRACE /leads/ HTTP/1.1", 405, "Method Not Allowed"),
        ("GET /.proxy-error/people HTTP/1.1", 404, "Not Found"),
        ("GET /.proxy-error/programs HTTP/1.1", 404, "Not Found"),
        ("GET /.proxy-health HTTP/1.1", 404, "Not Found"),
    ],
)
def test_what_nginx_refuses_itself_is_our_page(topology, head, status, title):
    answer, text = say(topology, head, address=LIMITED)
    assert answer.status == status
    assert f"<title>{status} {title}</title>" in text
    assert f"<small>{answer.headers['X-Request-ID']}</small>" in text


def test_request_id_is_kept_if_it_is_decent_and_the_same_everywhere(topology):
    caller = Caller(topology)
    kept = caller.call("GET", "/api/v1/sources/", **{"X-Request-ID": "demo-request-1"})
    assert kept.headers["x-request-id"] == "demo-request-1"
    made = caller.call("GET", "/api/v1/nothing/", **{"X-Request-ID": "no good id; \x7f"})
    assert re.fullmatch("[0-9a-f]{32}", made.headers["x-request-id"])
    assert made.body["request_id"] == made.headers["x-request-id"]
    assert topology.proxy.logged(f"[{made.headers['x-request-id']}]")


def test_log_has_neither_queries_nor_referrers(topology):
    caller = Caller(topology)
    secret = {"Referer": "http://127.0.0.1/?q=canary-referrer@example.com"}
    caller.call("GET", "/api/v1/leads/?email=canary-query%40example.com", **secret)
    caller.call("GET", "/leads/?q=canary-query%40example.com", **secret)
    assert topology.proxy.logged('"GET /leads/" ')
    logs = [topology.proxy.access_log, topology.proxy.part.log]
    logs += [host.part.log for host in topology.hosts]
    text = "".join(path.read_text() for path in logs)
    assert '"GET /api/v1/leads/" 200' in text
    assert "canary" not in text


def test_file_that_one_host_has_not_is_asked_of_the_other(topology):
    # As in the middle of an upgrade, when only one of them has the new style sheet.
    assert Caller(topology).call("GET", "/static/of-the-next-version.css").status == 404
    [line] = topology.proxy.logged("of-the-next-version")
    asked = re.findall(r"127\.0\.0\.1:(\d+)", line)
    assert sorted(asked) == sorted(str(host.port) for host in topology.hosts)


def test_metrics_are_not_there_for_the_world(topology):
    caller = Caller(topology)
    for path in ("/metrics", "//metrics", "/%6detrics", "/metrics/", "/./metrics?x=1"):
        answer = caller.call("GET", path)
        assert answer.status == 404
        assert "There is nothing at this address" in answer.body["text"]  # the proxy's own words


@pytest.fixture
def strict_proxy(topology):
    """A second nginx before the hosts, with a rate that a busy machine is faster than."""
    ports = [host.port for host in topology.hosts]
    proxy = Proxy(topology.folder / f"nginx-{free_port()}", find_programs(), ports)
    rules = proxy.folder / "minicrm.conf"
    write_changed(rules, rules, {"rate=50r/s": "rate=1r/m"})
    proxy.start()
    yield proxy
    proxy.part.stop()


def test_too_many_requests_from_one_address_are_refused(topology, strict_proxy):
    def callers(**source):
        return Caller(topology, port=strict_proxy.port, **source)

    limited = callers(source_address=LIMITED)
    answers = [limited.call("GET", "/healthz") for _ in range(260)]
    refused = [answer for answer in answers if answer.status == 429]
    assert {answer.status for answer in answers} == {200, 429}
    assert [answer.status for answer in answers[:201]] == [200] * 201  # the burst
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].headers["content-type"].startswith("text/html")
    program = limited.call("GET", "/api/v1/sources/")
    assert (program.status, program.body["code"]) == (429, "too_many_requests")
    # Neither those without a limit nor other addresses suffer from it.
    assert callers().call("GET", "/healthz").status == 200
    assert callers(source_address="127.0.0.5").call("GET", "/healthz").status == 200
    # Who claims to be somebody else is counted under their own address all the same.
    claims = {
        "X-Forwarded-For": "127.0.0.1",
        "X-Real-IP": "127.0.0.1",
        "Forwarded": "for=127.0.0.1",
    }
    assert limited.call("GET", "/healthz", **claims).status == 429


def test_guessing_passwords_is_limited_before_it_costs_anything(topology):
    caller = Caller(topology, source_address="127.0.0.3")
    statuses = [caller.call("POST", "/accounts/login/", {}).status for _ in range(20)]
    assert statuses.count(429) >= 8
    assert statuses[0] != 429
