import threading
from types import SimpleNamespace

import pytest

from distribution import throttling
from distribution.throttling import KeyRateThrottle


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(throttling.time, "monotonic", lambda: now.seconds)
    return now


def request_of(key_id):
    return SimpleNamespace(auth=SimpleNamespace(pk=key_id))


def allowed(throttle, key_id, count):
    return [throttle.allow_request(request_of(key_id)) for _ in range(count)].count(True)


def test_a_full_bucket_allows_a_burst_and_then_the_rate(clock):
    throttle = KeyRateThrottle("20/s")
    assert allowed(throttle, 1, 50) == 20
    clock.seconds += 0.5
    assert allowed(throttle, 1, 50) == 10
    clock.seconds += 3_600
    assert allowed(throttle, 1, 50) == 20


def test_says_when_the_next_request_may_come(clock):
    throttle = KeyRateThrottle("3/m")
    assert allowed(throttle, 1, 4) == 3
    assert throttle.wait() == pytest.approx(20)
    clock.seconds += 15
    assert not throttle.allow_request(request_of(1))
    assert throttle.wait() == pytest.approx(5)
    clock.seconds += 5.01
    assert throttle.allow_request(request_of(1))


def test_keys_do_not_spend_each_others_requests(clock):
    throttle = KeyRateThrottle("2/h")
    assert allowed(throttle, 1, 5) == 2
    assert allowed(throttle, 2, 5) == 2


def test_threads_that_serve_different_keys_do_not_mix_them_up():
    throttle = KeyRateThrottle("50/d")
    counts = {}

    def serve(key_id):
        counts[key_id] = allowed(throttle, key_id, 500)

    threads = [threading.Thread(target=serve, args=[key_id]) for key_id in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert counts == dict.fromkeys(range(8), 50)
