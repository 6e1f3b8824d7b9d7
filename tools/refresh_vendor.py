#!/usr/bin/env python3
"""Fetch the front end's third-party files from npm, pinned, and note them in a manifest.

    refresh_vendor.py [--check]

With --check nothing is fetched: the files must be the ones the manifest names, unchanged.
Needs npm's command line for fetching, and nothing but Python for checking.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"
MANIFEST = "MANIFEST.json"
DRAWN = re.compile(r"<(?:path|circle|rect|line|polyline) [^>]*/>")
# The static files' storage looks for the maps such comments name, and finds none.
SOURCE_MAP = re.compile(rb"[ \t]*(?://[#@]|/\*[#@])[ \t]*sourceMappingURL=[^\n]*\n?")


@dataclasses.dataclass(frozen=True)
class Package:
    """One version of a package on npm, and which of its files become which of ours."""

    name: str
    version: str
    licence: str  # SPDX identifier
    files: dict[str, str]  # path in the package -> path below static/vendor
    icons: dict[str, str] = dataclasses.field(default_factory=dict)  # our name -> the icon's
    sprite: str = ""  # path below static/vendor of the one file that holds the icons

    @property
    def targets(self) -> list[str]:
        """The files below static/vendor that the package gives."""
        return [*self.files.values(), *([self.sprite] if self.sprite else [])]


# Our names for icons, which say what is meant, and the pictures that stand for it.
ICONS = {
    "logo": "arrows-split-2",
    "overview": "layout-dashboard",
    "operators": "users",
    "sources": "adjustments-horizontal",
    "contacts": "message-circle",
    "leads": "id-badge-2",
    "history": "history",
    "key": "key",
    "users": "user-cog",
    "admin": "settings",
    "docs": "api",
    "sign-out": "logout",
    "edit": "edit",
    "trash": "trash",
    "check": "check",
    "x": "x",
    "dots": "dots-vertical",
    "search": "search",
    "filter": "filter",
    "download": "download",
    "upload": "upload",
    "copy": "copy",
    "refresh": "refresh",
    "undo": "arrow-back-up",
    "arrow-right": "arrow-right",
    "arrow-left": "arrow-left",
    "chevron-down": "chevron-down",
    "clock": "clock",
    "alert": "alert-triangle",
    "info": "info-circle",
    "phone": "phone",
    "mail": "mail",
    "id": "id",
    "sun": "sun",
    "moon": "moon",
    "device": "device-desktop",
    "theme": "palette",
    "language": "language",
    "lock": "lock",
    "switch": "toggle-left",
    "user-plus": "user-plus",
    "merge": "git-merge",
    "eye": "eye",
    "play": "player-play",
    "pause": "player-pause",
    "send": "send",
    "list": "list",
    "chart": "chart-bar",
    "target": "target",
    "queue": "hourglass",
    "close": "circle-check",
    "reopen": "rotate",
    "reassign": "arrows-exchange",
    "requeue": "corner-up-left",
    "plus": "plus",
    "menu": "menu-2",
}

PACKAGES = [
    Package(
        name="htmx.org",
        version="4.0.1",
        licence="0BSD",
        files={"dist/htmx.min.js": "htmx/htmx.min.js", "LICENSE": "htmx/LICENSE"},
    ),
    Package(
        name="@tabler/core",
        version="1.6.1",
        licence="MIT",
        files={"dist/css/tabler.min.css": "tabler/tabler.min.css"},
    ),
    Package(
        name="@tabler/icons",
        version="3.51.0",
        licence="MIT",
        files={"LICENSE": "tabler-icons/LICENSE"},
        icons=ICONS,
        sprite="tabler-icons/icons.svg",
    ),
    Package(
        name="@fontsource-variable/inter",
        version="5.3.0",
        licence="OFL-1.1",
        files={
            "files/inter-latin-wght-normal.woff2": "inter/inter-latin.woff2",
            "files/inter-cyrillic-wght-normal.woff2": "inter/inter-cyrillic.woff2",
            "LICENSE": "inter/LICENSE",
        },
    ),
]


def fetch(package: Package, folder: Path) -> dict[str, bytes]:
    """Return the package's files as we keep them, by their path below static/vendor."""
    specification = f"{package.name}@{package.version}"
    command = ["npm", "pack", "--silent", specification]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (archive,) = folder.glob("*.tgz")
    contents = {}
    with tarfile.open(archive) as tar:
        for source, target in package.files.items():
            member = tar.extractfile(f"package/{source}")
            if member is None:
                raise KeyError(f"{source} is no file")
            contents[target] = without_source_map(member.read())
        if package.sprite:
            contents[package.sprite] = sprite_of(tar, package.icons)
    archive.unlink()
    return contents


def sprite_of(tar: tarfile.TarFile, icons: dict[str, str]) -> bytes:
    """Return one file with the icons as symbols, each by our name for it."""
    symbols = ['<svg xmlns="http://www.w3.org/2000/svg">']
    for ours, theirs in icons.items():
        member = tar.extractfile(f"package/icons/outline/{theirs}.svg")
        if member is None:
            raise KeyError(f"{theirs} is no icon")
        # Without the invisible square that each begins with.
        paths = [
            path for path in DRAWN.findall(member.read().decode()) if 'fill="none"' not in path
        ]
        symbols.append(
            f'<symbol id="{ours}" viewBox="0 0 24 24" fill="none" stroke="currentColor"'
            f' stroke-width="2" stroke-linecap="round" stroke-linejoin="round">'
            f"{''.join(paths)}</symbol>"
        )
    return "\n".join([*symbols, "</svg>", ""]).encode()


def without_source_map(content: bytes) -> bytes:
    """Return a file without the comment that names its source map."""
    return SOURCE_MAP.sub(b"", content)


def entry(package: Package, path: str, content: bytes) -> dict[str, Any]:
    """Return what the manifest says about one file."""
    return {
        "name": package.name,
        "version": package.version,
        "licence": package.licence,
        "file": path,
        "sha256": hashlib.sha256(content).hexdigest(),
        "source": f"npm:{package.name}@{package.version}",
    }


def refresh(vendor: Path) -> None:
    """Fetch everything, and write the files and the manifest; nothing before all has arrived."""
    entries, contents = [], {}
    with tempfile.TemporaryDirectory(prefix="minicrm-vendor-") as temp:
        for package in PACKAGES:
            for path, content in fetch(package, Path(temp)).items():
                contents[path] = content
                entries.append(entry(package, path, content))
    for path, content in contents.items():
        (vendor / path).parent.mkdir(parents=True, exist_ok=True)
        (vendor / path).write_bytes(content)
    entries.sort(key=lambda row: str(row["file"]))
    (vendor / MANIFEST).write_text(json.dumps(entries, indent=2) + "\n")


def faults(vendor: Path) -> Iterator[str]:
    """Yield one line for each difference between the manifest, the pins and the files."""
    try:
        entries = json.loads((vendor / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        yield f"{MANIFEST} cannot be read: {error}"
        return
    listed = {row["file"]: row for row in entries}
    pinned = {path: package for package in PACKAGES for path in package.targets}
    for path in sorted(pinned.keys() ^ listed.keys()):
        yield f"{path} is {'not in the manifest' if path in pinned else 'listed but not pinned'}"
    for path, row in listed.items():
        if path in pinned and row["version"] != pinned[path].version:
            yield f"{path} is of version {row['version']}, pinned is {pinned[path].version}"
        yield from _file_faults(vendor / path, path, row["sha256"])
    present = {str(path.relative_to(vendor)) for path in vendor.rglob("*") if path.is_file()}
    for path in sorted(present - listed.keys() - {MANIFEST}):
        yield f"{path} is there, but not listed"


def _file_faults(file: Path, path: str, sha256: str) -> Iterator[str]:
    if not file.is_file():
        yield f"{path} is missing"
        return
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        yield f"{path} was changed: its SHA-256 is not the manifest's"
    if SOURCE_MAP.search(content):
        yield f"{path} names a source map"


def main(arguments: list[str] | None = None, *, vendor: Path = VENDOR) -> int:
    """Fetch, or print the faults; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="verify the files, fetch nothing")
    if not parser.parse_args(arguments).check:
        refresh(vendor)
    found = list(faults(vendor))
    for fault in found:
        print(f"vendor: {fault}", file=sys.stderr)
    if not found:
        print("vendor: every file is the one in the manifest.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
