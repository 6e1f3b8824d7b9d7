"""What must hold for any page that is shown: accessible, and no wider than its window."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

AXE = Axe()
# Without reading all style sheets again, which only rules that are off by default would use.
OPTIONS = {"resultTypes": ["violations"], "preload": False}
# Elements that stick out to the right, unless something around them scrolls or cuts them off.
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const held = (element) => {
    for (let up = element.parentElement; up && up !== document.body; up = up.parentElement)
      if (getComputedStyle(up).overflowX !== "visible") return true;
    return false;
  };
  const name = (element) => element.tagName.toLowerCase() + (element.id && `#${element.id}`) +
    [...element.classList].map((one) => `.${one}`).join("");
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > width + 0.5 && !held(element))
    .map((element) => `${name(element)} ends at ${element.getBoundingClientRect().right}`)
    .slice(0, 5);
}"""


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with a page, a line for each rule and element."""
    found = AXE.run(page, options=OPTIONS).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))}:"
        f" {' '.join(node['failureSummary'].split())}"
        for rule in found
        for node in rule["nodes"]
    ]


def poll(page: Page) -> None:
    """Let a live page ask for news now, as when one comes back to it, not in some seconds."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def too_wide(page: Page, *widths: int) -> list[str]:
    """Return what makes a page scroll sideways at these widths of the window."""
    height = page.viewport_size["height"]
    found = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": height})
        found += [f"{width} px: {what}" for what in page.evaluate(TOO_WIDE)]
    return found
