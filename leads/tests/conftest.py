"""Fixtures that several tests of leads share."""

import pytest

from distribution.tests.concurrency import deadlocks
from distribution.tests.interleaving import Worker
from leads.services import waiting


@pytest.fixture
def workers(monkeypatch):
    """Two workers; and a queue that is handed out contact by contact, so that they can mix."""
    monkeypatch.setattr(waiting, "BATCH", 1)
    crew = Worker("the first"), Worker("the second")
    yield crew
    for worker in crew:
        worker.close()


@pytest.fixture
def no_deadlocks():
    """Fail after a deadlock: retries would hide a lock taken out of order."""
    before = deadlocks()
    yield
    assert deadlocks() == before
