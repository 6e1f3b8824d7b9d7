"""A key that was looked up a moment ago is not looked up again."""

import pytest
from django.db import transaction

from distribution import keys
from distribution.keys import create_api_key, recognise, revoke_api_key, rotate_api_key
from distribution.models import ApiKey
from distribution.tests.concurrency import run_together
from distribution.tests.factories import SourceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    """The time that passes for whoever recognises keys: a list with the moment, in seconds."""
    moment = [1000.0]
    monkeypatch.setattr(keys.time, "monotonic", lambda: moment[0])
    monkeypatch.setattr(keys, "TRUST_SECONDS", 1.0)
    keys._recognised.clear()
    yield moment
    keys._recognised.clear()


@pytest.fixture
def made():
    key, token = create_api_key(name="Demo bot", actor="test")
    ApiKey.objects.update(last_used_at="2100-01-01T00:00Z")  # noting its use is no matter here
    return key, token


def test_is_looked_up_once_a_second(made, clock, django_assert_num_queries):
    key, token = made
    with django_assert_num_queries(1):
        for later in (0, 0.5, 0.49):
            clock[0] += later
            assert recognise(token) == key
    clock[0] += 0.02
    with django_assert_num_queries(1):
        assert recognise(token) == key


def test_a_key_revoked_here_is_refused_at_once(made, clock):
    key, token = made
    assert recognise(token) == key
    revoke_api_key(key, actor="test")
    assert recognise(token) is None


def test_a_key_revoked_elsewhere_is_refused_after_a_second(made, clock):
    key, token = made
    assert recognise(token) == key
    ApiKey.objects.update(revoked_at="2026-01-01T00:00Z")
    clock[0] += keys.TRUST_SECONDS
    assert recognise(token) is None


def test_the_keys_of_a_source_that_is_deleted_are_refused_at_once(clock):
    source = SourceFactory()
    _, token = create_api_key(name="Demo bot", source=source, actor="test")
    assert recognise(token).source_id == source.pk
    keys.delete_api_keys_of(source.pk, actor="test")
    assert recognise(token) is None


def test_a_wrong_key_is_never_remembered(clock, django_assert_num_queries):
    wrong = f"mcrm_{'0' * 12}_{'x' * 43}"
    for _ in range(2):
        with django_assert_num_queries(1):
            assert recognise(wrong) is None


def test_how_many_are_remembered_has_an_end(made, clock, monkeypatch):
    monkeypatch.setattr(keys, "MAX_RECOGNISED", 2)
    for _ in range(5):
        _, token = create_api_key(name="Demo bot", actor="test")
        assert recognise(token)
    assert len(keys._recognised) <= 2


# While somebody else's request comes --------------------------------------------------------------


def recognised_by_another(token):
    """Return what a request finds that comes at this moment, on a connection of its own."""
    (found,) = run_together([lambda: recognise(token)])
    return found


@pytest.mark.django_db(transaction=True)
def test_who_looked_a_key_up_before_its_revocation_was_committed_is_refused_after_it(made, clock):
    key, token = made
    with transaction.atomic():
        revoke_api_key(key, actor="test")
        assert recognised_by_another(token) == key
        assert keys._recognised
    assert recognise(token) is None
    assert recognised_by_another(token) is None


@pytest.mark.django_db(transaction=True)
def test_a_revocation_that_is_rolled_back_changes_nothing(made, clock, django_assert_num_queries):
    key, token = made
    with transaction.atomic():
        revoke_api_key(key, actor="test")
        assert recognised_by_another(token) == key
        assert keys.authenticate(token) is None
        transaction.set_rollback(True)
    with django_assert_num_queries(0):
        assert recognise(token) == key
    clock[0] += keys.TRUST_SECONDS
    assert recognise(token) == key


@pytest.mark.django_db(transaction=True)
def test_a_new_key_works_as_soon_as_it_is_committed_and_the_old_one_goes_on(made, clock):
    key, token = made
    assert recognise(token) == key
    with transaction.atomic():
        row, new = rotate_api_key(key, actor="test")
        assert recognised_by_another(new) is None
    assert recognise(new) == recognised_by_another(new) == row
    assert recognise(token) == key
    revoke_api_key(key, actor="test")
    assert recognise(token) is None
    assert recognise(new) == row
