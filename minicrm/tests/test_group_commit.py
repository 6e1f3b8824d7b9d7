"""Pieces of work that share one transaction of SQLite, and notice nothing of it."""

import contextvars
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, OperationalError, connections, transaction
from django.db.backends.sqlite3.base import DatabaseWrapper

from distribution.models import Operator
from minicrm import group_commit
from minicrm.errors import Invalid
from minicrm.failures import problem_of
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


def fail_second_commit(monkeypatch, error, *, after=False):
    """Let the second COMMIT fail; the first is the test's own."""
    commit, made = DatabaseWrapper._commit, []

    def fails(self):
        made.append(self)
        if len(made) != 2:
            return commit(self)
        if after:
            commit(self)
        raise error

    monkeypatch.setattr(DatabaseWrapper, "_commit", fails)


@sqlite
@pytest.mark.parametrize("after", [False, True])
def test_where_nobody_knows_what_was_stored_all_are_told_and_nothing_is_tried_again(
    monkeypatch, after
):
    cause = sqlite3.OperationalError("database or disk is full")
    cause.sqlite_errorcode = sqlite3.SQLITE_FULL
    error = OperationalError("database or disk is full")
    error.__cause__ = cause
    fail_second_commit(monkeypatch, error, after=after)
    results = together(*(lambda name=name: add(name) for name in "abc"))
    assert [type(result) for result in results] == [OperationalError] * 3
    assert {problem_of(result).code for result in results} == {"storage_full"}
    assert stored() == (["a", "b", "c"] if after else [])


@sqlite
@pytest.mark.parametrize("error", [OperationalError("database is locked"), IntegrityError("no")])
def test_where_the_commit_was_in_vain_all_run_again(monkeypatch, error):
    fail_second_commit(monkeypatch, error)
    results = together(*(lambda name=name: add(name) for name in "abc"))
    assert results == ["a for 0", "b for 1", "c for 2"]
    assert stored() == ["a", "b", "c"]


@sqlite
def test_what_is_handed_over_is_not_stored_in_a_file_that_was_replaced(monkeypatch):
    """The first one's connection has become one to nowhere while it waited; theirs are well."""
    looked = []

    def refuse_once():
        looked.append(1)
        if len(looked) == 1:
            raise OperationalError("the database file was replaced")

    monkeypatch.setattr(group_commit, "refuse_replaced_file", refuse_once)
    first, *others = together(*(lambda name=name: add(name) for name in "abc"))
    assert isinstance(first, OperationalError)
    assert others == ["b for 1", "c for 2"]
    assert stored() == ["b", "c"]


@sqlite
def test_who_waits_in_vain_for_another_gives_up(monkeypatch):
    monkeypatch.setattr(group_commit, "WAIT_SECONDS", 0.01)
    group = group_commit._Group()
    with pytest.raises(OperationalError):
        group.wait()


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
