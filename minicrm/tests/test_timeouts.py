"""The limits of time, from the innermost outwards: each answers before the next one gives up."""

import ast
import configparser
import re

import pytest

from minicrm import settings as shipped
from minicrm.tests.server import ROOT
from minicrm.transactions import RETRY_FOR_SECONDS
from minicrm.worker import READ_SECONDS

pytestmark = pytest.mark.any_database

LINGER = 2.0  # gunicorn's own STOP_KEEPALIVE_LINGER


def gunicorns():
    """Return the plain values that gunicorn.conf.py sets."""
    tree = ast.parse((ROOT / "gunicorn.conf.py").read_text())
    return {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }


def nginxs():
    """Return the limits of time in nginx's configuration, in seconds."""
    text = "".join(path.read_text() for path in sorted((ROOT / "deploy/nginx").glob("*.conf")))
    found = re.findall(r"^\s*(\w+_timeout) ([\d.]+)(ms|s|m);", text, re.MULTILINE)
    factors = {"ms": 0.001, "s": 1, "m": 60}
    return {name: float(number) * factors[unit] for name, number, unit in found}


def pgbouncers():
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";", "#"))
    parser.read(ROOT / "deploy/pgbouncer/pgbouncer.ini")
    return {name: value for name, value in parser["pgbouncer"].items() if "timeout" in name}


def test_lock_then_statement_then_worker_then_proxy():
    gunicorn, nginx = gunicorns(), nginxs()
    order = [
        shipped.LOCK_TIMEOUT_MS / 1000,
        shipped.STATEMENT_TIMEOUT_MS / 1000,
        shipped.CONNECTION_LIMITS["tcp_user_timeout"] / 1000,
        RETRY_FOR_SECONDS + shipped.STATEMENT_TIMEOUT_MS / 1000,  # tries, and the last of them
        gunicorn["timeout"],
        nginx["proxy_read_timeout"],
        nginx["worker_shutdown_timeout"],
    ]
    assert order == sorted(set(order)), order
    assert gunicorn["graceful_timeout"] >= gunicorn["timeout"]
    assert gunicorn["timeout"] > shipped.SQLITE_TIMEOUT_S + RETRY_FOR_SECONDS


def test_a_database_that_is_gone_is_found_out_before_a_statement_is_given_up():
    limits = shipped.CONNECTION_LIMITS
    silent = limits["keepalives_idle"] + limits["keepalives_interval"] * limits["keepalives_count"]
    assert limits["connect_timeout"] <= shipped.LOCK_TIMEOUT_MS / 1000
    assert shipped.STATEMENT_TIMEOUT_MS / 1000 < silent < gunicorns()["timeout"]


def test_the_pooler_gives_up_before_who_waits_for_it():
    limits = pgbouncers()
    statement = shipped.STATEMENT_TIMEOUT_MS / 1000
    assert 0 < float(limits["query_wait_timeout"]) < statement
    assert 0 < float(limits["server_connect_timeout"]) < statement
    role = (ROOT / "deploy/postgres/role.sql").read_text()
    set_there = dict(re.findall(r"SET (lock_timeout|statement_timeout) = '(\d+)s'", role))
    assert set_there == {
        "lock_timeout": str(shipped.LOCK_TIMEOUT_MS // 1000),
        "statement_timeout": str(shipped.STATEMENT_TIMEOUT_MS // 1000),
    }


def test_kept_connections_end_at_the_proxy_first():
    text = (ROOT / "deploy/nginx/minicrm.conf").read_text()
    upstreams = re.findall(r"upstream \w+ \{(.*?)^\s*\}", text, re.DOTALL | re.MULTILINE)
    assert upstreams
    for upstream in upstreams:
        kept = re.search(r"keepalive_timeout (\d+)(ms|s);", upstream)
        if re.search(r"\bkeepalive [1-9]", upstream):
            assert kept, "nginx keeps them for a minute by default"
            assert int(kept[1]) / (1000 if kept[2] == "ms" else 1) < LINGER
    assert LINGER < gunicorns()["keepalive"] < READ_SECONDS
