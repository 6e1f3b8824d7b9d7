"""Lists: pages by count and by id, and a walk that sees every object once."""

import re

import pytest

from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, SourceFactory
from leads.tests.factories import WaitingContactFactory
from minicrm.tests.client import api_with_key, refusal

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]


@pytest.fixture
def api():
    return api_with_key()


@pytest.fixture
def operators():
    return [operator.pk for operator in OperatorFactory.create_batch(7)]


def ids(response):
    return [item["id"] for item in response.json()]


def next_address(response):
    """Return the address of the next page, or None on the last one."""
    link = response.get("Link")
    return link and re.fullmatch(r'<(/api/v1/[^>]*)>; rel="next"', link)[1]


@pytest.mark.parametrize(
    ("query", "expected", "more"),
    [
        ("", slice(0, 7), False),
        ("?limit=3", slice(0, 3), True),
        ("?limit=7", slice(0, 7), False),
        ("?limit=6", slice(0, 6), True),
        ("?limit=1000", slice(0, 7), False),
        ("?skip=2", slice(2, 7), False),
        ("?skip=2&limit=2", slice(2, 4), True),
        ("?skip=5&limit=2", slice(5, 7), False),
        ("?skip=7", slice(7, 7), False),
        ("?skip=10000", slice(7, 7), False),
    ],
)
def test_limit_and_skip(api, operators, query, expected, more):
    response = api.get(f"operators/{query}")
    assert ids(response) == operators[expected]
    assert bool(next_address(response)) is more


def test_after_takes_up_behind_an_id(api, operators):
    assert ids(api.get(f"operators/?after={operators[3]}")) == operators[4:]
    assert ids(api.get(f"operators/?after={operators[3]}&skip=1&limit=1")) == [operators[5]]
    assert ids(api.get("operators/?after=0")) == operators
    assert ids(api.get(f"operators/?after={2**63 - 1}")) == []


def test_after_does_not_need_the_object_to_exist(api, operators):
    Operator.objects.filter(pk=operators[3]).delete()
    assert ids(api.get(f"operators/?after={operators[3]}")) == operators[4:]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("path", ["operators/", "sources/", "contacts/", "leads/"])
def test_walk_sees_each_object_once_while_others_come_in(api, path, limit):
    make = {
        "operators/": OperatorFactory, "sources/": SourceFactory,
        "contacts/": WaitingContactFactory, "leads/": WaitingContactFactory,
    }[path]  # fmt: skip
    make.create_batch(7)
    before = ids(api.get(f"{path}?limit=1000"))
    seen, address, newcomers = [], f"{path}?limit={limit}", 0
    while address:
        response = api.get(address)
        assert len(response.json()) <= limit
        seen += ids(response)
        address = next_address(response)
        if address and newcomers < 3:
            make()
            newcomers += 1
    assert seen == ids(api.get(f"{path}?limit=1000"))
    assert seen[:7] == before
    assert len(seen) == 7 + newcomers


def test_link_keeps_the_filters_and_drops_skip(api):
    source = SourceFactory()
    contacts = [WaitingContactFactory(source=source).pk for _ in range(5)]
    WaitingContactFactory()
    moment = "2020-01-01T00%3A00%3A00%2B03%3A00"
    query = f"source_id={source.pk}&status=waiting&created_after={moment}&limit=2&skip=1"
    first = api.get(f"contacts/?{query}")
    assert ids(first) == contacts[1:3]
    address = next_address(first)
    assert "skip" not in address
    assert f"created_after={moment}" in address
    second = api.get(address)
    assert ids(second) == contacts[3:]
    assert next_address(second) is None


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "out_of_range"),
        ("limit=1001", "out_of_range"),
        ("limit=-1", "wrong_type"),
        ("limit=", "wrong_type"),
        ("limit=ten", "wrong_type"),
        ("skip=10001", "out_of_range"),
        (f"after={2**63}", "out_of_range"),
        ("limit=1&limit=2", "repeated"),
        ("limit=1&limit=1", "repeated"),
        ("offset=1", "unknown_field"),
        ("Limit=1", "unknown_field"),
        ("page=1&page=2", "unknown_field"),
        ("=1", "unknown_field"),
        ("limit%00=1", "unknown_field"),
    ],
)
@pytest.mark.parametrize(
    "path", ["operators/", "sources/", "operator-sources/", "contacts/", "leads/"]
)
def test_parameters_that_are_wrong_are_refused_not_ignored(api, path, query, code):
    status, problem_code, errors = refusal(api.get(f"{path}?{query}"))
    assert (status, problem_code) == (422, "invalid_request")
    assert list(errors.values()) == [code]


def test_misspelt_filter_names_those_that_exist(api):
    [error] = api.get("contacts/?source=1").json()["errors"]
    assert error["field"] == "source"
    assert "source_id" in error["message"]


def test_page_costs_the_same_number_of_queries_whatever_its_length(api, django_assert_num_queries):
    WaitingContactFactory.create_batch(6)
    api.get("contacts/")  # notes the key's use
    with django_assert_num_queries(2):  # the key, the page
        api.get("contacts/?limit=1")
    with django_assert_num_queries(2):
        api.get("contacts/?limit=6")
