"""Pieces of work that share one transaction of SQLite, and notice nothing of it."""

import contextvars
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connections, transaction
from django.db.backends.sqlite3.base import DatabaseWrapper

from distribution.models import Operator
from minicrm import group_commit
from minicrm.errors import Invalid
from minicrm.group_commit import retried_in_group

pytestmark = pytest.mark.django_db(transaction=True)
sqlite = pytest.mark.sqlite
WAIT_SECONDS = 20
who = contextvars.ContextVar("who", default="nobody")


@retried_in_group
def add(name, *, then=lambda: None):
    """Store an operator, then do more."""
    Operator.objects.create(name=name, max_load=1)
    then()
    return f"{name} for {who.get()}"


def stored():
    return sorted(Operator.objects.values_list("name", flat=True))


def refuse():
    raise Invalid("no", "Not this one.")


@pytest.fixture
def commits(monkeypatch):
    """Return a list that grows with each COMMIT."""
    made, commit = [], DatabaseWrapper._commit

    def counted(self):
        made.append(self)
        commit(self)

    monkeypatch.setattr(DatabaseWrapper, "_commit", counted)
    return made


def together(*jobs):
    """Do jobs that all come while another connection writes; return results or exceptions."""

    def run(number, job):
        who.set(number)
        try:
            return job()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(jobs)) as pool:
        with transaction.atomic():
            futures = []
            for number, job in enumerate(jobs):
                futures.append(pool.submit(run, number, job))
                wait_until(lambda expected=number + 1: group_commit.joined() == expected)
        return [future.result(WAIT_SECONDS) for future in futures]


def wait_until(is_so):
    give_up_at = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.001)


@sqlite
def test_those_who_wait_together_are_stored_by_one_commit(commits):
    results = together(*(lambda name=name: add(name) for name in "abc"))
    assert results == ["a for 0", "b for 1", "c for 2"]
    assert stored() == ["a", "b", "c"]
    assert len(commits) == 2  # the other one is that of the test, for which they waited


@sqlite
def test_what_one_raises_is_theirs_alone(commits):
    results = together(
        lambda: add("a"), lambda: add("b", then=refuse), lambda: add("c"), lambda: add("d")
    )
    assert [type(result) for result in results] == [str, Invalid, str, str]
    assert stored() == ["a", "c", "d"]
    assert len(commits) == 2


@sqlite
def test_the_first_may_be_the_one_who_raises():
    results = together(lambda: add("a", then=refuse), lambda: add("b"))
    assert [type(result) for result in results] == [Invalid, str]
    assert stored() == ["b"]


@sqlite
def test_where_the_commit_fails_each_of_the_others_runs_again(monkeypatch):
    commit, made = DatabaseWrapper._commit, []

    def fails_the_second_time(self):
        made.append(self)
        if len(made) == 2:  # the first is the test's own
            raise OperationalError("disk I/O error")
        commit(self)

    monkeypatch.setattr(DatabaseWrapper, "_commit", fails_the_second_time)
    first, *others = together(*(lambda name=name: add(name) for name in "abc"))
    assert isinstance(first, OperationalError)
    assert others == ["b for 1", "c for 2"]
    assert stored() == ["b", "c"]


@sqlite
def test_where_the_transaction_is_lost_within_nobody_is_told_otherwise():
    def lose():
        group_commit.connection.connection.rollback()  # as SQLite does by itself, the disk full
        raise OperationalError("disk is full")

    results = together(lambda: add("a"), lambda: add("b", then=lose), lambda: add("c"))
    assert [type(result) for result in results] == [str, OperationalError, str]
    assert stored() == ["a", "c"]


@sqlite
def test_within_a_transaction_it_is_a_part_of_it():
    with transaction.atomic():
        add("a")
        transaction.set_rollback(True)
    assert stored() == []


@pytest.mark.postgresql
def test_elsewhere_each_has_a_transaction_of_its_own():
    assert add("a") == "a for nobody"
    with pytest.raises(Invalid):
        add("b", then=refuse)
    assert stored() == ["a"]
