"""A browser without scripts, that writes down every address it is given or sent to."""

import http.client
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

ADDRESSES = re.compile(
    r"""\s(?:href|action|formaction|src|content|hx-[\w:-]+|data-[\w-]+)="([^"]*)"|"""
    r"""name="next"\s+value="([^"]*)\""""
)
FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}
HEADERS_WITH_ADDRESSES = ("location", "content-location", "link", "refresh")


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class Visitor:
    """One browser, or one bot; `produced` are the addresses that the server made."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    produced: list[str] = field(default_factory=list)
    answers: list[tuple[str, str, Answer]] = field(default_factory=list)

    def get(self, path: str, **headers: str) -> Answer:
        """Go to an address, and on where it leads to."""
        answer = self.ask("GET", path, headers=headers)
        for _ in range(5):
            if answer.status not in (301, 302, 303):
                break
            path = urljoin(path, answer.headers["location"])
            answer = self.ask("GET", path, headers=headers)
        return answer

    def post(self, path: str, data: Mapping[str, object], **headers: str) -> Answer:
        """Post a form, and go on where that leads to."""
        body = urlencode(data, doseq=True)
        answer = self.ask("POST", path, body, headers=FORM_TYPE | headers)
        if answer.status in (301, 302, 303):
            return self.get(urljoin(path, answer.headers["location"]))
        return answer

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Call the API; a text is sent as it is."""
        content = body if isinstance(body, str) else json.dumps(body)
        kind = {"Content-Type": "application/json"}
        return self.ask(method, path, content if body is not None else None, headers=kind | headers)

    def ask(
        self, method: str, path: str, body: str | None = None, *, headers: Mapping[str, str]
    ) -> Answer:
        """Make one request, and write down what comes back."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        own = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        own |= {"X-CSRFToken": self.cookies.get("csrftoken", "")} | self.headers
        client.request(method, path, None if body is None else body.encode(), own | dict(headers))
        response = client.getresponse()
        try:
            content = response.read()
        except http.client.IncompleteRead as broken_off:
            content = broken_off.partial
        client.close()
        for one in response.headers.get_all("Set-Cookie") or []:
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(one).items()}
        sent = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, sent, content.decode(errors="replace"))
        self._note(method, path, answer)
        return answer

    def _note(self, method: str, path: str, answer: Answer) -> None:
        self.answers.append((method, urlsplit(path).path, answer))
        for name, value in answer.headers.items():
            if name in HEADERS_WITH_ADDRESSES or name.startswith("hx-"):
                self.produced.append(value)
        if answer.headers.get("content-type", "").startswith("text/html"):
            pairs = ADDRESSES.findall(answer.text)
            self.produced += [unescape(one or other) for one, other in pairs]
