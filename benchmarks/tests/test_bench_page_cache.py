"""What is stored is in memory when it is measured."""

from pathlib import Path

import pytest

from benchmarks import page_cache

pytestmark = pytest.mark.any_database


@pytest.fixture
def files(tmp_path):
    """Two files that are no whole number of parts, and one that is gone by now."""
    found = [tmp_path / name for name in ("a", "b", "gone")]
    for path in found[:2]:
        path.write_bytes(b"x" * (page_cache.CHUNK + 7))
    return found


def bytes_read():
    words = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(words["rchar"])


def test_all_of_it_is_read(files):
    before = bytes_read()
    assert page_cache.hold(files) == 2 * page_cache.CHUNK + 14
    assert bytes_read() - before >= 2 * page_cache.CHUNK + 14


def test_what_no_memory_would_hold_is_left_alone(files, monkeypatch):
    monkeypatch.setattr(page_cache, "_memory", lambda: 4 * page_cache.CHUNK)
    assert page_cache.hold(files) == 0
