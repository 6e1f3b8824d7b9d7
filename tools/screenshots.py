#!/usr/bin/env python3
"""Render every page of the application with demo data, in all its looks, as PNG.

    python -m tools.screenshots [--folder DIR] [--only VIEW] [--look LOOK]

Starts a server on a database of its own and stops it afterwards. Everything goes to the folder
(var/screenshots); what the documentation shows is also put into docs/screenshots. Needs Chromium.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ROOT / "docs" / "screenshots"
SIZES = {"wide": (1440, 960), "phone": (390, 844)}
THEMES = ("light", "dark")
LANGUAGES = ("en", "ru")
# What README and docs show: the file's name, and which picture of all that is.
KEPT = {
    "wide-light-en/leads-overview.png": "overview-light.png",
    "wide-dark-en/leads-overview.png": "overview-dark.png",
    "wide-light-en/leads-source-source.png": "weights-light.png",
    "wide-light-en/leads-contact-moved.png": "contact-light.png",
    "phone-light-en/leads-overview.png": "overview-phone.png",
    "wide-light-ru/leads-overview.png": "overview-light-ru.png",
}


@dataclass(frozen=True)
class Look:
    """How pages are shown."""

    size: str
    theme: str
    language: str

    def __str__(self) -> str:
        return f"{self.size}-{self.theme}-{self.language}"


def looks() -> Iterator[Look]:
    """Yield all combinations."""
    for size in SIZES:
        for theme in THEMES:
            for language in LANGUAGES:
                yield Look(size, theme, language)


def main() -> None:
    """Parse the arguments, take the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "screenshots", metavar="DIR")
    parser.add_argument("--only", default="", metavar="VIEW", help="such as leads:overview")
    parser.add_argument("--look", default="", metavar="LOOK", help="such as phone-dark")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="minicrm-screenshots-") as scratch:
        # The settings of this process: it opens no database, and must not find the developer's.
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "minicrm.settings",
            "DATABASE_URL": f"sqlite:///{scratch}/none.sqlite3",
            "DATA_DIR": scratch,
            "SECRET_KEY": secrets.token_urlsafe(50),
        }
        import django

        django.setup()
        wanted = [look for look in looks() if arguments.look in str(look)]
        take_all(Path(scratch), arguments.folder, wanted, only=arguments.only)


def take_all(scratch: Path, folder: Path, wanted: Sequence[Look], *, only: str) -> None:
    """Start a server and a browser, and render the pages in these looks."""
    from playwright.sync_api import sync_playwright

    from minicrm.tests.browser.launching import find_chromium, launch_arguments
    from minicrm.tests.browser.serving import running_site
    from minicrm.tests.browser.visits import Visits
    from minicrm.tests.every_page import PAGES

    program = find_chromium()
    if program is None:
        sys.exit("There is no Chromium. On Debian: apt-get install chromium; or set CHROMIUM.")
    print("Preparing a demo and starting a server ...", flush=True)
    pages = [page for page in PAGES if only in page.view]
    (data := scratch / "data").mkdir()
    with running_site("demo", data, scratch / "static") as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_arguments(program))
        visit = Visits(browser, site.address, site.world)
        for look in wanted:
            print(f"{look}: {len(pages)} pages", flush=True)
            windows = {
                signed_in: visit(
                    "administrator" if signed_in else None,
                    "/accounts/password/" if signed_in else "/accounts/login/",
                    theme=look.theme,
                    language=look.language,
                    size=SIZES[look.size],
                )
                for signed_in in (True, False)
            }
            for page in pages:
                window = windows[page.signed_in]
                window.goto(page.path(site.world))
                window.evaluate("document.fonts.ready")
                window.wait_for_timeout(100)
                picture = folder / str(look) / f"{file_name(str(page))}.png"
                window.screenshot(path=picture, animations="disabled")
                keep(picture)
            visit.close()
        browser.close()
    print(f"Done: {folder}; those of the documentation: {SHOWN}")
    if visit.bad:
        sys.exit("Something went wrong in the browser:\n" + "\n".join(visit.bad))


def file_name(page: str) -> str:
    """Return a page's name as a file's."""
    return re.sub(r"[^a-z0-9_]+", "-", page.lower()).strip("-")


def keep(picture: Path) -> None:
    """Copy the picture to the documentation if that shows it."""
    name = KEPT.get(f"{picture.parent.name}/{picture.name}")
    if name:
        SHOWN.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, SHOWN / name)


if __name__ == "__main__":
    main()
