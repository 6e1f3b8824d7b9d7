"""Where Chromium is, and how it is started."""

import os
import shutil
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """Return the program that CHROMIUM names, else the first one found."""
    named = os.environ.get("CHROMIUM")
    found = (shutil.which(program) for program in ([named] if named else PROGRAMS))
    return next(filter(None, found), None)


def launch_arguments(program: str) -> dict[str, Any]:
    """Return what to start it with: nothing that it would do by itself, over the network or not."""
    flags = ["--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # which root cannot have
    return {"executable_path": program, "args": flags}
