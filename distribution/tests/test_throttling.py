import os
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.conf import settings

from distribution import rate_moments, throttling
from distribution.rate_moments import SharedMoments, open_moments, paths_of
from distribution.throttling import KeyRateThrottle, read_rate

pytestmark = pytest.mark.any_database


@pytest.fixture(autouse=True)
def _folder(monkeypatch, tmp_path):
    """Keep the moments out of the machine's memory, where they would stay."""
    monkeypatch.setattr(rate_moments, "MEMORY", tmp_path / "memory")
    (tmp_path / "memory").mkdir()


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=1_000.0)
    monkeypatch.setattr(throttling.time, "monotonic", lambda: now.seconds)
    return now


@pytest.fixture
def limit(settings):
    def limit(rate, burst):
        settings.API_RATE_LIMIT, settings.API_RATE_BURST = rate, burst

    return limit


def request_of(key_id):
    return SimpleNamespace(auth=SimpleNamespace(pk=key_id))


def allowed(throttle, key_id, count):
    return [throttle.allow_request(request_of(key_id)) for _ in range(count)].count(True)


def test_a_burst_and_then_the_rate(clock, limit):
    limit("20/s", 100)
    throttle = KeyRateThrottle()
    assert allowed(throttle, 1, 150) == 100
    clock.seconds += 0.5
    assert allowed(throttle, 1, 50) == 10
    clock.seconds += 3
    assert allowed(throttle, 1, 100) == 60
    clock.seconds += 3_600
    assert allowed(throttle, 1, 150) == 100


def test_a_burst_of_one_spreads_the_requests(clock, limit):
    limit("600/m", 1)
    throttle = KeyRateThrottle()
    for _ in range(20):
        assert allowed(throttle, 1, 3) == 1
        clock.seconds += 0.1


def test_says_when_the_next_request_may_come(clock, limit):
    limit("3/m", 3)
    throttle = KeyRateThrottle()
    assert allowed(throttle, 1, 4) == 3
    assert throttle.wait() == pytest.approx(20)
    clock.seconds += 15
    assert not throttle.allow_request(request_of(1))
    assert throttle.wait() == pytest.approx(5)
    clock.seconds += 5.01
    assert throttle.allow_request(request_of(1))


def test_who_is_refused_does_not_wait_longer_for_asking(clock, limit):
    limit("1/s", 2)
    throttle = KeyRateThrottle()
    assert allowed(throttle, 1, 500) == 2
    clock.seconds += 1
    assert allowed(throttle, 1, 1) == 1


def test_no_limit_keeps_no_file(limit, tmp_path):
    limit("", 1)
    assert allowed(KeyRateThrottle(), 1, 5) == 5
    assert list((tmp_path / "memory").iterdir()) == []


def test_keys_do_not_spend_each_others_requests(clock, limit):
    limit("2/h", 2)
    throttle = KeyRateThrottle()
    assert allowed(throttle, 1, 5) == 2
    assert allowed(throttle, 2, 5) == 2
    assert allowed(throttle, 2**20 - 1, 5) == 2


def test_two_processes_share_one_limit(clock, limit):
    limit("2/h", 5)
    one, other = KeyRateThrottle(), KeyRateThrottle()
    assert allowed(one, 7, 3) == 3
    assert allowed(other, 7, 5) == 2
    assert allowed(one, 7, 1) == 0


@pytest.mark.parametrize("moment", [1e300, float("inf"), float("nan"), 1_400.0, -5.0])
def test_a_moment_that_nobody_can_have_written_counts_as_none(clock, limit, settings, moment):
    limit("1/s", 3)
    open_moments(settings.DATA_DIR).change(1, lambda due: (moment, None))
    assert allowed(KeyRateThrottle(), 1, 5) == 3


def test_threads_that_serve_different_keys_do_not_mix_them_up(limit):
    limit("50/d", 50)
    throttle, counts = KeyRateThrottle(), {}

    def serve(key_id):
        counts[key_id] = allowed(throttle, key_id, 500)

    threads = [threading.Thread(target=serve, args=[key_id]) for key_id in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert counts == dict.fromkeys(range(8), 50)


def test_threads_that_serve_one_key_lose_no_count(limit):
    limit("1/d", 600)
    throttle, counts = KeyRateThrottle(), []
    threads = [
        threading.Thread(target=lambda: counts.append(allowed(throttle, 3, 200))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(counts) == 600


# The file -------------------------------------------------------------------------------------


def test_the_file_is_small_and_for_its_owner_alone(limit, settings):
    limit("2/h", 2)
    allowed(KeyRateThrottle(), 1_000, 1)
    found = paths_of(settings.DATA_DIR)[0].stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_size == 8 * 1_001


def test_installations_do_not_share_a_file(tmp_path):
    one, other = paths_of(tmp_path / "one")[0], paths_of(tmp_path / "other")[0]
    assert one != other
    assert one.parent == other.parent


@pytest.mark.parametrize("spoil", ["link", "readable", "folder"])
def test_a_file_that_others_could_have_laid_there_is_left_alone(spoil, settings, tmp_path):
    path, aside = paths_of(settings.DATA_DIR)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    if spoil == "link":
        path.symlink_to(victim)
    elif spoil == "readable":
        path.touch()
        path.chmod(0o644)
    else:
        path.mkdir()
    open_moments(settings.DATA_DIR).change(0, lambda due: (5.0, None))
    assert victim.read_bytes() == b"precious"
    assert aside.stat().st_size == 8


def test_without_any_place_each_process_counts_for_itself(clock, limit, settings, caplog):
    limit("2/h", 2)
    settings.DATA_DIR = settings.DATA_DIR / "missing"
    paths_of(settings.DATA_DIR)[0].mkdir()
    throttle = KeyRateThrottle()
    assert allowed(throttle, 1, 5) == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_place_that_fails_later_stops_nothing(clock, limit, settings, caplog):
    limit("2/h", 2)
    throttle = KeyRateThrottle()
    allowed(throttle, 1, 1)
    os.close(throttle._moments._file)
    assert allowed(throttle, 1, 5) == 2
    assert len(caplog.records) == 1


def test_threads_that_come_first_at_once_open_one_place(limit, monkeypatch):
    limit("2/h", 1)
    opened, throttle = [], KeyRateThrottle()

    def open_slowly(data_dir):
        time.sleep(0.1)
        opened.append(open_moments(data_dir))
        return opened[-1]

    monkeypatch.setattr(throttling, "open_moments", open_slowly)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(throttle.allow_request, request_of(1)) for _ in range(4)]
    assert sorted(answer.result() for answer in answers) == [False, False, False, True]
    assert len(opened) == 1


def test_a_change_that_breaks_gives_the_lock_back(tmp_path):
    moments = SharedMoments(tmp_path / "moments")
    with pytest.raises(ZeroDivisionError):
        moments.change(1, lambda due: (1 / 0, None))
    assert moments.change(1, lambda due: (due + 1, due)) == 0.0


def test_reads_every_unit():
    rates = [read_rate(text, 1).interval for text in ("20/s", "600/m", "3600/h", "86400/d")]
    assert rates == [0.05, 0.1, 1, 1]


COUNT = """
import os, sys
from pathlib import Path
from distribution.rate_moments import SharedMoments

def step(moment):
    os.sched_yield()
    return moment + 1, None

moments = SharedMoments(Path(sys.argv[1]))
for _ in range(3_000):
    moments.change(5, step)
"""


def test_processes_never_change_a_moment_at_the_same_time(tmp_path):
    path = tmp_path / "moments"
    command = [sys.executable, "-c", COUNT, str(path)]
    running = [subprocess.Popen(command, cwd=settings.BASE_DIR) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert SharedMoments(path).change(5, lambda moment: (0.0, moment)) == 9_000
