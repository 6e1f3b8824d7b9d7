"""What only raw bytes can say; TOKEN is a key that manages. Each with its status and code."""

from dataclasses import dataclass

HOST = b"Host: localhost\r\n"
KEY = b"Authorization: Bearer TOKEN\r\n"
JSON = b"Content-Type: application/json\r\n"
BODY = b'{"name": "Somebody new"}'


@dataclass(frozen=True)
class Raw:
    """The bytes of a request, and the answer."""

    name: str
    status: int
    code: str
    start: bytes = b"GET /api/v1/operators/ HTTP/1.1"
    headers: bytes = HOST + KEY
    body: bytes = b""

    def bytes(self, token):
        """Return what is sent."""
        whole = self.start + b"\r\n" + self.headers + b"\r\n" + self.body
        return whole.replace(b"TOKEN", token.encode())


def bad(name, start=Raw.start, *, headers=HOST + KEY, body=b""):
    """Return a request that is none by the rules of HTTP."""
    return Raw(name, 400, "bad_request", start, headers, body)


def post(name, status, code, headers, body=BODY):
    """Return a post of an operator."""
    start = b"POST /api/v1/operators/ HTTP/1.1"
    return Raw(name, status, code, start, HOST + KEY + JSON + headers, body)


def path(name, target, status=404, code="not_found"):
    """Return a request for another address."""
    return Raw(name, status, code, b"GET " + target + b" HTTP/1.1")


REQUESTS = [
    bad("a method in small letters", b"get /api/v1/operators/ HTTP/1.1"),
    bad("a method of three letters in two cases", b"Get /api/v1/operators/ HTTP/1.1"),
    bad("a method with a sign in it", b"GE#T /api/v1/operators/ HTTP/1.1"),
    bad("a tab for a blank", b"GET\t/api/v1/operators/\tHTTP/1.1"),
    bad("a blank in the address", b"GET /api/v1/oper ators/ HTTP/1.1"),
    bad("no slash in front", b"GET api/v1/operators/ HTTP/1.1"),
    bad("no version", b"GET /api/v1/operators/"),
    bad("a version of the future", b"GET /api/v1/operators/ HTTP/9.9"),
    bad("HTTP/2 at once", b"PRI * HTTP/2.0"),
    bad("line feeds alone", b"GET /api/v1/operators/ HTTP/1.1\nHost: localhost"),
    bad("bytes in the address", b"GET /api/v1/operators/\xff HTTP/1.1"),
    bad("letters in the address", "GET /api/v1/operators/\u044f HTTP/1.1".encode()),
    bad("NUL in the address", b"GET /api/v1/operators/\0 HTTP/1.1"),
    bad("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    bad("noise", b"\x00\x01\x02\x03"),
    bad("another protocol", b"SSH-2.0-OpenSSH_9.2"),
    bad("a proxy's line", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + Raw.start),
    bad("two hosts", headers=HOST + HOST + KEY),
    bad("two different hosts", headers=HOST + b"Host: elsewhere.example\r\n" + KEY),
    bad("a header without a colon", headers=HOST + KEY + b"X-Colour\r\n"),
    bad("a blank before the colon", headers=HOST + KEY + b"X-Colour : red\r\n"),
    bad("a header without a name", headers=HOST + KEY + b": red\r\n"),
    bad("a header of two lines", headers=HOST + KEY + b"X-Colour: red\r\n green\r\n"),
    bad("NUL in a header", headers=HOST + KEY + b"X-Colour: a\0b\r\n"),
    bad("ESC in a header", headers=HOST + KEY + b"X-Colour: \x1b[31m\r\n"),
    bad("a line feed in a header", headers=HOST + KEY + b"X-Colour: a\nb\r\n"),
    Raw("no host", 400, "bad_request", headers=b"Host:\r\n" + KEY),
    Raw("a foreign host", 400, "bad_request", headers=b"Host: elsewhere.example\r\n" + KEY),
    Raw("a whole address with a foreign host", 400, "bad_request",
        b"GET http://localhost/api/v1/operators/ HTTP/1.1", b"Host: elsewhere.example\r\n" + KEY),
    Raw("two keys", 401, "unauthorized", headers=HOST + KEY + KEY),
    Raw("a key and another", 401, "unauthorized", headers=HOST + KEY + b"Authorization: x\r\n"),
    Raw("a key under a name with an underscore", 401, "unauthorized",
        headers=HOST + b"Author_ization: Bearer TOKEN\r\n"),
    Raw("TRACE", 405, "method_not_allowed", b"TRACE /api/v1/operators/ HTTP/1.1"),
    Raw("CONNECT", 405, "method_not_allowed", b"CONNECT /api/v1/operators/ HTTP/1.1"),
    Raw("a method made up", 405, "method_not_allowed", b"BREW /api/v1/operators/ HTTP/1.1"),
    Raw("a header of 9,000 bytes", 431, "headers_too_large",
        headers=HOST + KEY + b"X-Long: " + b"a" * 9_000 + b"\r\n"),
    Raw("a hundred headers", 431, "headers_too_large", headers=HOST + KEY + b"X-A: b\r\n" * 100),
    Raw("an address of 9,000 bytes", 414, "uri_too_long",
        b"GET /api/v1/operators/?" + b"a" * 9_000 + b" HTTP/1.1"),
    post("a length below zero", 400, "bad_request", b"Content-Length: -1\r\n"),
    post("a length with a plus", 400, "bad_request", b"Content-Length: +24\r\n"),
    post("a length of another script", 400, "bad_request", b"Content-Length: \xb2\r\n"),
    post("a length twice", 400, "bad_request", b"Content-Length: 24\r\nContent-Length: 24\r\n"),
    post("two lengths", 400, "bad_request", b"Content-Length: 24\r\nContent-Length: 2\r\n"),
    post("two types", 400, "bad_request", JSON + b"Content-Length: 24\r\n"),
    post("a length and chunks", 400, "bad_request",
         b"Content-Length: 24\r\nTransfer-Encoding: chunked\r\n"),
    post("chunks twice", 400, "bad_request", b"Transfer-Encoding: chunked, chunked\r\n"),
    post("an unknown coding", 400, "bad_request", b"Transfer-Encoding: magic\r\n"),
    post("a coding without chunks", 400, "bad_request", b"Transfer-Encoding: gzip\r\n"),
    post("chunks", 411, "length_required", b"Transfer-Encoding: chunked\r\n",
         b"18\r\n" + BODY + b"\r\n0\r\n\r\n"),
    post("chunks that are none", 411, "length_required", b"Transfer-Encoding: chunked\r\n",
         b"zz\r\n" + BODY),
    post("no length", 400, "not_json", b""),
    post("more announced than any form has", 413, "body_too_large", b"Content-Length: 200000\r\n"),
    post("less than was announced", 400, "incomplete_body", b"Content-Length: 100\r\n"),
    post("a terabyte announced", 413, "body_too_large", b"Content-Length: 1000000000000\r\n"),
    post("another expectation", 417, "expectation_failed",
         b"Expect: magic\r\nContent-Length: 24\r\n"),
    post("100-continue, and no JSON", 400, "not_json",
         b"Expect: 100-continue\r\nContent-Length: 1\r\n", b"{"),
    path("NUL in percents", b"/api/v1/operators/%00"),
    path("a way up", b"/api/v1/../../admin/"),
    path("a way up in percents", b"/api/v1/operators/..%2f..%2f..%2fadmin/"),
    path("a way up, overlong", b"/api/v1/operators/%c0%ae%c0%ae/%c0%ae%c0%ae/"),
    path("no percents", b"/api/v1/operators/%zz"),
    path("half of a pair", b"/api/v1/operators/%ed%a0%80"),
    path("the API in percents", b"/%61pi%2fv1/nothing"),
]  # fmt: skip
