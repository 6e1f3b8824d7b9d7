"""What breaks, stops or is replaced in production, under load, and what callers notice of it."""

import signal
import socket
import time

import pytest

from deploy.local.hosts import Host
from deploy.tests.load import Caller, check_nothing_lost, load

pytestmark = [pytest.mark.topology, pytest.mark.any_database]
RECOVERY_SECONDS = 5.0
RELOADS = 3  # of each host


def test_reloading_hosts_loses_no_request(topology, stage, report):
    with load(stage, connections=8) as running:
        for _ in range(RELOADS):
            for host in topology.hosts:
                running.wait_for_more(50)
                host.reload()
        running.wait_for_more(50)
    lost = len(running.failed)
    report(f"{2 * RELOADS} HUP reloads under load: {len(running.answers)} requests, {lost} lost")
    assert running.summary() == {"201": len(running.answers)}
    check_nothing_lost(stage, running)


def test_hosts_made_anew_in_turn_lose_no_request(topology, stage, report):
    # As containers at an upgrade: TERM, and another one in its place.
    with load(stage, connections=8) as running:
        for host in topology.hosts * 2:
            running.wait_for_more(50)
            host.part.stop()
            host.start()
        running.wait_for_more(50)
    lost = len(running.failed)
    report(f"4 hosts made anew in turn: {len(running.answers)} requests, {lost} lost")
    assert running.summary() == {"201": len(running.answers)}
    check_nothing_lost(stage, running)


def test_restart_behind_a_kept_socket_loses_no_request(topology, stage, report):
    # As `systemctl restart minicrm` with minicrm.socket; straight to the host, without a proxy.
    host = Host("kept", topology.folder, topology.env, socket_kept=True)
    try:
        host.start()
        with load(stage, connections=4, port=host.port) as running:
            for _ in range(3):
                running.wait_for_more(30)
                host.part.stop()
                host.start()
            running.wait_for_more(30)
    finally:
        host.close()
    lost = len(running.failed)
    report(f"3 restarts behind a kept socket: {len(running.answers)} requests, {lost} lost")
    assert running.summary() == {"201": len(running.answers)}
    check_nothing_lost(stage, running)


def test_host_that_dies_costs_no_acknowledged_contact(topology, stage, report):
    host, connections = topology.hosts[0], 8
    with load(stage, connections=connections, tries=10) as running:
        for _ in range(3):
            running.wait_for_more(50)
            host.part.kill()
            running.wait_for_more(100)  # by the other one
            host.start()
        running.wait_for_more(50)
    failed = running.failed
    report(f"a host killed 3 times: {len(running.answers)} requests, {len(failed)} to be repeated")
    assert len(failed) <= 3 * connections, running.summary()
    told = [answer for answer in failed if answer.status]
    assert {answer.status for answer in told} <= {502}
    assert {answer.body["code"] for answer in told} <= {"no_answer"}
    assert {answer.headers["retry-after"] for answer in told} <= {"2"}
    # Killed between the head of an answer and its body.
    assert len(told) >= len(failed) - 3, running.summary()
    assert {answer.key for answer in failed} <= running.acknowledged  # at a later try
    check_nothing_lost(stage, running)


def test_database_that_crashes_is_told_at_once_and_found_again(topology, stage, report):
    with load(stage, connections=4, tries=100) as running:
        running.wait_for_more(50)
        topology.postgres.stop(crash=True)
        try:
            _check_unavailable(topology, stage)
        finally:
            topology.postgres.start()
        seconds = _until_it_works(stage)
        running.wait_for_more(50)
    slowest = max(answer.seconds for answer in running.failed)
    report(f"PostgreSQL crashed: works again {seconds:.1f} s after it, slowest 503 {slowest:.1f} s")
    assert seconds < RECOVERY_SECONDS
    _check_only_unavailable(running)
    check_nothing_lost(stage, running)


def test_pooler_that_is_restarted_is_found_again(topology, stage, report):
    with load(stage, connections=4, tries=100) as running:
        running.wait_for_more(50)
        topology.pooler.stop()
        try:
            _check_unavailable(topology, stage)
        finally:
            topology.pooler.start()
        seconds = _until_it_works(stage)
        running.wait_for_more(50)
    report(f"PgBouncer restarted: works again {seconds:.1f} s after it")
    assert seconds < RECOVERY_SECONDS
    _check_only_unavailable(running)
    check_nothing_lost(stage, running)


def _check_unavailable(topology, stage):
    """Fail unless callers are told to come back later, at once, by hosts that live."""
    caller = Caller(topology)
    for number in range(4):
        answer = stage.post(caller, f"unavailable-{number}")
        assert (answer.status, answer.body["code"]) == (503, "unavailable"), answer
        assert int(answer.headers["retry-after"]) > 0
        assert answer.seconds < 3
    assert caller.call("GET", "/healthz").status == 200
    assert caller.call("GET", "/readyz").status == 503


def _check_only_unavailable(running):
    summary = running.summary()
    assert summary.keys() <= {"201", "503 unavailable"}, summary


def _until_it_works(stage):
    """Return the seconds until four posts in a row are stored."""
    caller, started = Caller(stage.topology), time.monotonic()
    since, done, number = 0.0, 0, 0
    while done < 4:
        assert time.monotonic() - started < 30, "it does not recover"
        number += 1
        answer = stage.post(caller, f"recovery-{stage.source_id}-{number}")
        if answer.status == 201:
            since, done = (since or time.monotonic() - started), done + 1
        else:
            since, done = 0.0, 0
            time.sleep(0.05)
    return since


def test_slow_clients_do_not_stop_service(topology, stage, report):
    head = b"POST /api/v1/contacts/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    whole = head + b"Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
    # Above a megabyte: it does not fit into what the kernel keeps for a connection.
    page = b"GET /static/ninja/swagger-ui-bundle.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 4
    kinds = {"half a head": head, "half a body": whole + b'{"source_id": ', "no reading": page}
    slow = [
        _open(topology, beginning)
        for beginning, count in zip(kinds.values(), (24, 24, 16), strict=True)
        for _ in range(count)
    ]
    opened = time.monotonic()
    try:
        with load(stage, connections=4, count=200) as running:
            pass
        assert running.summary() == {"201": 200}
        slowest = max(answer.seconds for answer in running.answers)
        report(f"{len(slow)} slow clients: 200 of 200 posts answered, slowest {slowest:.2f} s")
        assert slowest < 3
        # The proxy hangs up on who does not go on: their connections are not kept for ever.
        for client in slow[:48]:
            assert _is_hung_up_on(client, until=opened + 15)
    finally:
        for client in slow:
            client.close()


def _is_hung_up_on(client, *, until):
    """Whether the proxy ends the connection by then; it may say why before."""
    try:
        while time.monotonic() < until:
            client.settimeout(max(0.1, until - time.monotonic()))
            if not client.recv(65536):
                return True
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
    return False


def _open(topology, beginning):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.connect(("127.0.0.1", topology.proxy.port))
    client.sendall(beginning)
    return client


def test_proxy_that_is_reloaded_closes_kept_connections_at_most(topology, stage):
    connections, reloads = 4, 3
    with load(stage, connections=connections, tries=3) as running:
        for _ in range(reloads):
            running.wait_for_more(30)
            topology.proxy.part.send(signal.SIGHUP)
        running.wait_for_more(60)
    # A request that meets the closing of an idle connection was not read: send it again.
    assert {answer.status for answer in running.failed} <= {0}
    assert len(running.failed) <= connections * reloads
    assert {answer.key for answer in running.failed} <= running.acknowledged
    check_nothing_lost(stage, running)


def test_all_hosts_gone_is_told_in_the_format_of_the_api(topology, stage):
    for host in topology.hosts:
        host.part.kill()
    try:
        caller = Caller(topology)
        answer = stage.post(caller, "nobody-there")
        assert (answer.status, answer.body["code"]) == (502, "no_answer")
        assert answer.headers["retry-after"] == "2"
        page = caller.call("GET", "/")
        assert (page.status, page.headers["retry-after"]) == (502, "2")
        assert page.headers["content-type"].startswith("text/html")
    finally:
        for host in topology.hosts:
            host.start()
    _until_it_works(stage)
    assert stage.stored()["nobody-there"] == 0
