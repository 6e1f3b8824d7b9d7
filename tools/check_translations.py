#!/usr/bin/env python3
"""Check that the Russian translation is complete, compiled, and in step with the sources.

Exit status 1 with one line for each fault. Needs polib; the comparison with the sources
needs gettext's xgettext as well (always there in CI, see CI in the environment).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = Path("locale/ru/LC_MESSAGES/django.po")
# Not ours, not sources, or large.
SKIPPED = shutil.ignore_patterns(".*", "var", "vendor", "__pycache__", "*.mo", "node_modules")
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|(?<!%)%[sd]|\{\w*\}")

Key = tuple[str | None, str, str | None]  # context, text, plural text


def key_of(entry: polib.POEntry) -> Key:
    """Return what makes a message a message of its own."""
    return (entry.msgctxt, entry.msgid, entry.msgid_plural or None)


def texts_of(entry: polib.POEntry) -> list[str]:
    """Return the translation, or its plural forms in order."""
    if not entry.msgid_plural:
        return [entry.msgstr]
    return [entry.msgstr_plural[number] for number in sorted(entry.msgstr_plural)]


def shown(text: str) -> str:
    """Return a message short enough for one line."""
    line = " ".join(text.split())
    return repr(line if len(line) <= 70 else line[:67] + "...")


def incomplete(catalogue: polib.POFile) -> Iterator[str]:
    """Find entries without a translation, with a guessed one, or no longer used."""
    for entry in catalogue:
        if entry.obsolete:
            yield f"obsolete: {shown(entry.msgid)}"
        elif entry.fuzzy:
            yield f"fuzzy, to be confirmed: {shown(entry.msgid)}"
        elif not entry.translated():
            yield f"not translated: {shown(entry.msgid)}"
        else:
            yield from wrong_placeholders(entry)


def wrong_placeholders(entry: polib.POEntry) -> Iterator[str]:
    """Find placeholders that the original does not fill: they fail when the page is shown."""
    allowed = set(PLACEHOLDER.findall(entry.msgid + (entry.msgid_plural or "")))
    for text in texts_of(entry):
        used = set(PLACEHOLDER.findall(text))
        if used - allowed or (not entry.msgid_plural and used != allowed):
            yield f"placeholders differ: {shown(entry.msgid)} -> {shown(text)}"


def differences_to_compiled(catalogue: polib.POFile, path: Path) -> Iterator[str]:
    """Find what make messages would change in the .mo file, the one that is really used."""
    if not path.exists():
        yield f"{path.name} is missing: run make messages"
        return
    compiled = polib.mofile(str(path))
    expected = {key_of(e): texts_of(e) for e in catalogue if e.translated() and not e.obsolete}
    found = {key_of(entry): texts_of(entry) for entry in compiled}
    different = [key for key in expected | found if expected.get(key) != found.get(key)]
    for _context, text, _plural in different:
        yield f"{path.name} is not compiled from {CATALOGUE.name}: {shown(text)}"
    if catalogue.metadata.get("Plural-Forms") != compiled.metadata.get("Plural-Forms"):
        yield f"{path.name} has other plural forms: run make messages"


def differences_to_sources(catalogue: polib.POFile) -> Iterator[str]:
    """Collect the messages of the sources in a copy, and compare."""
    with tempfile.TemporaryDirectory(prefix="minicrm-messages-") as temp:
        copy = Path(temp) / "copy"
        shutil.copytree(ROOT, copy, ignore=SKIPPED)
        # From nothing: what is already translated must not be matched with new texts.
        (copy / CATALOGUE).unlink()
        result = subprocess.run(
            [sys.executable, "-m", "django", "makemessages", "--locale", "ru"],
            cwd=copy,
            # Without settings: collecting texts needs neither a database nor a key.
            env={k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"},
            capture_output=True,
            text=True,
        )
        if result.returncode:
            yield f"makemessages failed: {result.stderr.strip()}"
            return
        collected = copy / CATALOGUE
        fresh = polib.pofile(str(collected)) if collected.exists() else polib.POFile()
    in_sources = {key_of(entry) for entry in fresh}
    known = {key_of(entry) for entry in catalogue if not entry.obsolete}
    for _context, text, _plural in sorted(in_sources - known, key=str):
        yield f"new in the sources, run make messages: {shown(text)}"
    for _context, text, _plural in sorted(known - in_sources, key=str):
        yield f"no longer in the sources, run make messages: {shown(text)}"


def faults() -> Iterator[str]:
    """Yield one line for each fault."""
    path = ROOT / CATALOGUE
    if not path.exists():
        yield f"{CATALOGUE} does not exist: run make messages, then translate"
        return
    try:
        catalogue = polib.pofile(str(path))
    except (OSError, UnicodeDecodeError) as error:
        yield f"{CATALOGUE} cannot be read: {error}"
        return
    yield from incomplete(catalogue)
    yield from differences_to_compiled(catalogue, path.with_suffix(".mo"))
    if shutil.which("xgettext"):
        yield from differences_to_sources(catalogue)
    elif os.environ.get("CI") == "true":
        yield "xgettext is missing (apt-get install gettext); in CI nothing is left unchecked"
    else:
        print("NOT CHECKED: new texts in the sources; xgettext is missing (package gettext).")


def main() -> int:
    """Print the faults; return the exit status."""
    found = list(faults())
    for fault in found:
        print(f"translations: {fault}", file=sys.stderr)
    if not found:
        print("translations: complete and compiled.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
