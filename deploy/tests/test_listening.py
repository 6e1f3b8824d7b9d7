"""The two ways in which the proxy listens, as shipped: with TLS, or behind one that ends it."""

import contextlib
import http.client
import http.server
import json
import ssl
import threading

import pytest

from deploy.local.processes import free_port, write_changed
from deploy.local.programs import find_programs
from deploy.local.proxy import SHIPPED, Proxy
from deploy.tests.browser import Browser
from deploy.tests.certificate import make_certificate

pytestmark = [pytest.mark.topology, pytest.mark.any_database]


@pytest.fixture
def another_proxy(topology, request):
    """Start a second nginx before the hosts, with a listen.conf that is shipped."""

    def start(listen, *, hosts=(), rules=None, **changes):
        ports = hosts or [host.port for host in topology.hosts]
        proxy = Proxy(topology.folder / f"nginx-{free_port()}", find_programs(), ports)
        text = (SHIPPED / listen).read_text().replace("8080", str(proxy.port))
        for old, new in changes.items():
            text = text.replace(old, new)
        text = text.replace("/etc/nginx/tls", str(proxy.folder))
        (proxy.folder / "minicrm" / "listen.conf").write_text(text)
        shared = proxy.folder / "minicrm.conf"
        write_changed(shared, shared, rules or {})
        make_certificate(proxy.folder)
        request.addfinalizer(proxy.part.stop)
        proxy.start()
        return proxy

    return start


def get(client, path, **headers):
    client.request("GET", path, headers={"Host": "localhost", **headers})
    response = client.getresponse()
    text = response.read().decode()
    client.close()
    return response, text


def test_https_is_served_and_plain_http_is_not(topology, another_proxy):
    secure = free_port()
    proxy = another_proxy("tls/listen.conf", **{"8443": str(secure)})
    plain = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    page, _ = get(plain, "/leads/?page=2")
    assert (page.status, page.headers["Location"]) == (301, "https://localhost/leads/?page=2")
    # A key that was sent in the open: refused, and in the API's format.
    refused, text = get(plain, "/api/v1/sources/", Authorization="Bearer demo")
    assert (refused.status, '"status": 400' in text) == (400, True)
    # What the container's healthcheck asks is no visitor's, and is not led anywhere.
    probe, text = get(plain, "/.proxy-health")
    assert (probe.status, text) == (200, "ok\n")
    # Plain HTTP on the other port is refused as everything else is.
    mistaken, text = get(http.client.HTTPConnection("127.0.0.1", secure, timeout=20), "/api/v1/x")
    assert (mistaken.status, json.loads(text)["code"]) == (400, "bad_request")
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    client = http.client.HTTPSConnection("127.0.0.1", secure, timeout=20, context=trusting)
    answer, _ = get(client, "/api/v1/sources/")
    assert (answer.status, answer.headers["Content-Type"]) == (401, "application/problem+json")


def test_visitor_is_who_the_proxy_before_ours_says(another_proxy):
    proxy = another_proxy("minicrm/listen.conf")
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    get(client, "/healthz", **{"X-Forwarded-For": "198.51.100.7, 203.0.113.9"})
    # What a stranger has put before it counts for nothing.
    assert proxy.logged("203.0.113.9 [")[0].startswith("203.0.113.9 [")


def test_visitor_comes_over_https_only_through_the_proxy_before_ours(topology, another_proxy):
    proxy = another_proxy("minicrm/listen.conf")

    def status(scheme, **headers):
        headers["Origin"] = f"{scheme}://127.0.0.1:{proxy.port}"
        return Browser(proxy.port).sign_in(topology.access, **headers)[0].status

    through = {"X-Forwarded-For": "198.51.100.7"}
    assert status("http") == 302  # a first look, without any proxy of one's own
    assert status("https", **through) == 302
    assert status("http", **through) == 403


@contextlib.contextmanager
def repeating_host():
    """A host that answers with the headers that it was sent; yields its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            told = json.dumps({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(told.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_what_a_stranger_claims_does_not_reach_the_application(another_proxy):
    names = ("Host", "Port", "Ssl", "Protocol")
    claims = {f"X-Forwarded-{name}": "on" for name in names} | {
        "Forwarded": "proto=https", "X-Real-IP": "192.0.2.1", "Proxy": "192.0.2.1",
        "X-Forwarded-For": "192.0.2.1, 198.51.100.7", "X-Forwarded-Proto": "ssl",
    }  # fmt: skip
    with repeating_host() as port:
        proxy = another_proxy("minicrm/listen.conf", hosts=[port])
        client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
        _, text = get(client, "/", **claims)
    told = json.loads(text)
    assert told.pop("x-request-id")
    assert told.keys() & {name.lower() for name in claims} == {
        "x-forwarded-for", "x-forwarded-proto",
    }  # fmt: skip
    assert (told["x-forwarded-for"], told["x-forwarded-proto"]) == ("198.51.100.7", "https")


def test_addresses_of_one_ipv6_network_share_a_limit(another_proxy):
    rules = {"rate=50r/s": "rate=1r/m", "burst=200": "burst=2"}
    proxy = another_proxy("minicrm/listen.conf", rules=rules)
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)

    def statuses(*addresses):
        return [get(client, "/healthz", **{"X-Forwarded-For": x})[0].status for x in addresses]

    within = ["2001:db8:1:2::7", "2001:db8:1:2:8000::", "2001:db8:1:2:a0a:a0a:a0a:a0a"]
    assert statuses(*within, "2001:db8:1:2:ffff::9") == [200, 200, 200, 429]
    assert statuses("2001:db8:1:3::7") == [200]
    # The other spelling of an IPv4 address is that address, and no network of all of them.
    assert statuses(*["::ffff:192.0.2.1"] * 3, "192.0.2.1") == [200, 200, 200, 429]
    assert statuses("::ffff:192.0.2.2") == [200]
