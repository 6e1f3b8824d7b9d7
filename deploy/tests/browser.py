"""Somebody with a browser, before one of the proxies."""

import http.client
import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"


class Browser:
    """Somebody who signs in, without JavaScript."""

    def __init__(self, port):
        self.cookies = SimpleCookie()
        self.port = port

    def request(self, method, path, fields=None, **headers):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)
        pairs = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        sent = urlencode(fields) if fields else None
        own = {"Cookie": pairs} | ({"Content-Type": FORM} if fields else {})
        client.request(method, path, sent, own | headers)
        response = client.getresponse()
        for value in response.headers.get_all("Set-Cookie", []):
            self.cookies.load(value)
        body = response.read().decode()
        client.close()
        return response, body

    def sign_in(self, access, **headers):
        _, form = self.request("GET", "/accounts/login/", **headers)
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', form)[0]
        fields = {"username": access.username, "password": access.password}
        sent = fields | {"csrfmiddlewaretoken": token, "next": "/"}
        return self.request("POST", "/accounts/login/", sent, **headers)
