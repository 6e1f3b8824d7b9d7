"""The vendored files are the ones that were fetched, and the check notices when they are not."""

import json
import shutil

import pytest

from tools.refresh_vendor import MANIFEST, VENDOR, faults, main, without_source_map

HTMX = "htmx/htmx.min.js"


@pytest.fixture
def vendor(tmp_path):
    """Return a copy of the real folder."""
    return shutil.copytree(VENDOR, tmp_path / "vendor")


def test_our_files_are_unchanged_and_listed(capsys):
    assert main(["--check"]) == 0
    assert "every file" in capsys.readouterr().out


def test_the_manifest_names_origin_and_licence():
    rows = {row["file"]: row for row in json.loads((VENDOR / MANIFEST).read_text())}

    assert rows[HTMX]["name"] == "htmx.org"
    assert rows[HTMX]["licence"] == "0BSD"
    assert rows[HTMX]["source"] == f"npm:htmx.org@{rows[HTMX]['version']}"
    assert "htmx/LICENSE" in rows


def test_notices_a_changed_file(vendor, capsys):
    with (vendor / HTMX).open("a") as file:
        file.write("\n// changed")

    assert main(["--check"], vendor=vendor) == 1
    assert f"{HTMX} was changed" in capsys.readouterr().err


def test_notices_a_missing_file(vendor):
    (vendor / HTMX).unlink()

    assert list(faults(vendor)) == [f"{HTMX} is missing"]


def test_notices_a_file_that_nobody_listed(vendor):
    (vendor / "htmx/extra.js").write_text("")

    assert list(faults(vendor)) == ["htmx/extra.js is there, but not listed"]


def test_notices_another_version_than_the_pinned_one(vendor):
    rows = json.loads((vendor / MANIFEST).read_text())
    for row in rows:
        row["version"] = "0.0.1"
    (vendor / MANIFEST).write_text(json.dumps(rows))

    assert f"{HTMX} is of version 0.0.1, pinned is 4.0.1" in list(faults(vendor))


def test_notices_a_manifest_that_is_not_there(vendor):
    (vendor / MANIFEST).unlink()

    assert "cannot be read" in next(faults(vendor))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"f()\n//# sourceMappingURL=f.js.map\n", b"f()\n"),
        (b"f();//# sourceMappingURL=f.js.map", b"f();"),
        (b"a{}\n/*# sourceMappingURL=a.css.map */\n", b"a{}\n"),
        (b"f('sourceMappingURL')\n", b"f('sourceMappingURL')\n"),
    ],
)
def test_drops_the_names_of_source_maps(before, after):
    assert without_source_map(before) == after
