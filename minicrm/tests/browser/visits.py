"""Windows of a browser on the running server, signed in or not, with everything bad written down.

All of it belongs to the browser's thread.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response
from playwright.sync_api import Error as BrowserError

from minicrm.tests.people import PASSWORD

PATIENCE_MS = 10_000  # for what should happen at once, on a machine with other things to do
WIDE = (1440, 960)
PHONE = (360, 740)
# Told by the responses themselves, which also say of which address.
OF_A_RESPONSE = re.compile("Failed to load resource: the server responded with a status")
OF_THE_NETWORK = re.compile("net::ERR_INTERNET_DISCONNECTED|Failed to fetch")
# Chromium logs a refused style or script, but not where it was: the event knows.
TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => console.error(
  `${event.violatedDirective} refused ${event.blockedURI || "something"} in ` +
  `${event.target.outerHTML?.slice(0, 200) ?? event.sourceFile}:${event.lineNumber}`
), true);
"""


@dataclass
class Visits:
    """Opens windows in one browser; `bad` lists what went wrong in any of them.

    `expected` holds the statuses from 400 on that are no fault in this test; `network_may_fail`
    is for one that goes offline.
    """

    browser: Browser
    address: str
    world: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    signed_in: dict[str, Any] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)
    network_may_fail: bool = False
    contexts: list[BrowserContext] = field(default_factory=list)

    def __call__(
        self,
        role: str | None = "supervisor",
        path: str | None = "/",
        *,
        theme: str = "light",
        language: str = "en",
        size: tuple[int, int] = WIDE,
        javascript: bool = True,
    ) -> Page:
        """Return a window of somebody in this role, or of nobody in any, with this page if any."""
        context = self.browser.new_context(
            **self.options,
            base_url=self.address,
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=javascript,
            storage_state=self._state_of(role) if role else None,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        self._watch(context)
        cookies = {"theme": theme, "django_language": language}
        context.add_cookies(
            [{"name": name, "value": cookies[name], "url": self.address} for name in cookies]
        )
        page = context.new_page()
        if path is not None:
            page.goto(path)
        return page

    def sign_in(self, page: Page, role: str) -> None:
        """Fill in and send the sign-in form that the window shows."""
        page.get_by_label("Username").fill(self.world["names"][role])
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/accounts/login/" not in url)

    def close(self) -> None:
        """Close all windows."""
        for context in self.contexts:
            context.close()
        self.contexts.clear()

    def _state_of(self, role: str) -> Any:
        if role not in self.signed_in:
            page = self(None, "/accounts/login/")
            self.sign_in(page, role)
            self.signed_in[role] = page.context.storage_state()
            self.contexts.remove(page.context)
            page.context.close()
        return self.signed_in[role]

    def _watch(self, context: BrowserContext) -> None:
        self.contexts.append(context)
        context.add_init_script(TELL_VIOLATIONS)
        context.on("console", self._note_message)
        context.on("weberror", lambda error: self._note("script", error.error))
        context.on("requestfailed", self._note_failed_request)
        context.on("response", self._note_response)

    def _note_message(self, message: ConsoleMessage) -> None:
        offline = self.network_may_fail and OF_THE_NETWORK.search(message.text)
        known = offline or OF_A_RESPONSE.match(message.text)
        if message.type in ("error", "warning") and not known:
            self._note(f"console {message.type}", message.text)

    def _note_failed_request(self, request: Request) -> None:
        # Aborted: somebody went on to another page meanwhile.
        if request.failure != "net::ERR_ABORTED" and not self.network_may_fail:
            self._note("request", f"{request.url}: {request.failure}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            request = response.request
            self._note("response", f"{request.method} {response.url}: {response.status}")

    def _note(self, kind: str, what: object) -> None:
        text = what.message if isinstance(what, BrowserError) else str(what)
        self.bad.append(f"{kind}: {text}")
