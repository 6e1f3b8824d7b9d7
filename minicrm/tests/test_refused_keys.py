"""Who may call: every way to have no live key, or one without the right."""

import pytest

from distribution.keys import create_api_key, revoke_api_key
from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory, make_key
from minicrm.tests.client import Api, api_with_key, refusal

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

GOOD = b'{"name": "Operator"}'


def other_secret(token):
    """Return another key's prefix with this key's secret."""
    return f"{make_key()[:18]}{token[18:]}"


def revoked(token):
    key, token = create_api_key(name="Gone", actor="test")
    revoke_api_key(key, actor="test")
    return token


@pytest.mark.parametrize(
    "authorization",
    [
        lambda token: None,
        lambda token: "",
        lambda token: token,
        lambda token: "Bearer",
        lambda token: "Bearer ",
        lambda token: f"Basic {token}",
        lambda token: f"Token {token}",
        lambda token: f"Bearer\t{token}",
        lambda token: f"Bearer,{token}",
        lambda token: f"Bearer {token[: len(token) // 2]}",
        lambda token: f"Bearer {token[:-1]}",
        lambda token: f"Bearer {token}A",
        lambda token: f"Bearer {token[:20]} {token[20:]}",
        lambda token: f"Bearer {token} {token}",
        lambda token: f"Bearer {token}, Bearer {token}",
        lambda token: f"Bearer {token.upper()}",
        lambda token: f"Bearer {token.swapcase()}",
        lambda token: f"Bearer {other_secret(token)}",
        lambda token: f"Bearer {revoked(token)}",
        lambda token: "Bearer mcrm_000000000000_" + "A" * 43,
        lambda token: "Bearer \xff\xfe",
        lambda token: "Bearer " + "x" * 8_000,
    ],
)
def test_every_way_to_have_no_live_key(authorization):
    header = authorization(make_key(can_manage=True))
    response = Api().request(
        "POST", "operators/", raw=GOOD, headers={} if header is None else {"Authorization": header}
    )
    assert refusal(response) == (401, "unauthorized", {})
    assert response["WWW-Authenticate"] == "Bearer"
    assert not Operator.objects.exists()


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer   {}"])
def test_scheme_is_read_in_any_case_and_with_several_spaces(form):
    header = form.format(make_key())
    assert Api().get("sources/", headers={"Authorization": header}).json() == []


def test_revocation_holds_from_the_next_request_on():
    key, token = create_api_key(name="Leaked", actor="test")
    api = Api(token)
    assert api.get("sources/").status_code == 200
    revoke_api_key(key, actor="test")
    assert refusal(api.get("sources/")) == (401, "unauthorized", {})


@pytest.mark.parametrize("raw", [b"{", b"\xff", b'{"unknown": 1}'])
def test_key_is_checked_before_the_body_is_read(raw):
    response = Api("wrong").post("operators/", raw=raw, content_type="text/plain")
    assert refusal(response) == (401, "unauthorized", {})


def test_key_is_checked_before_the_object_is_looked_for():
    operator = OperatorFactory()
    there = Api().get(f"operators/{operator.pk}")
    missing = Api().get("operators/77777")
    assert refusal(there) == refusal(missing) == (401, "unauthorized", {})


def test_key_without_the_right_to_manage():
    operator, source = OperatorFactory(name="As it was"), SourceFactory()
    weight = WeightFactory(weight=5)
    api = api_with_key()
    for response in [
        api.post("operators/", {"name": "New"}),
        api.put(f"operators/{operator.pk}", {"name": "New"}),
        api.patch(f"operators/{operator.pk}", {"name": "New"}),
        api.post("sources/", {"name": "New"}),
        api.put(f"sources/{source.pk}", {"name": "New"}),
        api.patch(f"sources/{source.pk}", {"name": "New"}),
        api.post("operator-sources/", {"operator_id": operator.pk, "source_id": source.pk}),
        api.patch(f"operator-sources/{weight.pk}", {"weight": 7}),
        api.delete(f"operator-sources/{weight.pk}"),
        api.put(f"sources/{source.pk}/weights/", {"operators": []}),
        api.post("distribution/config/", {"source_id": source.pk, "operators": []}),
        api.post(f"operators/{operator.pk}/switch-off/", {"open_contacts": "keep"}),
        api.post(f"operators/{operator.pk}/take-next/"),
        *(api.post(f"contacts/1/{move}/") for move in ("close", "reopen", "requeue")),
        api.post("contacts/1/reassign/", {"operator_id": operator.pk}),
    ]:
        assert refusal(response) == (403, "key_may_not_manage", {}), response.request
    operator.refresh_from_db()
    weight.refresh_from_db()
    assert (operator.name, weight.weight, source.weights.count()) == ("As it was", 5, 0)
    assert operator.is_active
    assert not Operator.objects.filter(name="New").exists()
