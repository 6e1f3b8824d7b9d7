"""The overview as tests read it."""

import re

from django.urls import reverse

URL = reverse("leads:overview")
HTMX = {"HX-Request": "true"}


def text_of(client, **kwargs) -> str:
    """Return the page without white space around tags."""
    text = re.sub(r"[ \n]+", " ", client.get(URL, **kwargs).content.decode())
    return text.replace("> ", ">").replace(" <", "<").strip()


def card(html: str, name: str) -> str:
    """Return the card with this heading's id, or nothing."""
    found = re.search(
        rf'<section class="card" aria-labelledby="{name}-heading">.*?</section>', html
    )
    return found[0] if found else ""


def figure(html: str, title: str) -> tuple[str, str]:
    """Return the number and the line below it, without tags."""
    part = html.split(f"<h2>{title}</h2>")[1].split("</div>")[0]
    number, below = part.split('<p class="muted">')
    return tuple(re.sub("<[^>]*>", "", one).strip() for one in (number, below))
