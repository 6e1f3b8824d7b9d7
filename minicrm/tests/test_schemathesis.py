"""Examples made from our own OpenAPI document: whatever is sent, the answer is one it describes."""

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from distribution.tests.factories import WeightFactory, make_key
from leads.tests.factories import AssignedContactFactory
from minicrm.api import api

pytestmark = pytest.mark.django_db

EXAMPLES = 15  # of each operation, valid and invalid ones each
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Not among them is that valid data are accepted: that a number can be dialled, or that a name
# holds no control characters, is more than our JSON schemas say.
OPERATIONS = [
    (method, path)
    for path, methods in api.get_openapi_schema(path_prefix="/api/v1/")["paths"].items()
    for method in methods
]


@pytest.fixture(scope="module")
def schema():
    document = api.get_openapi_schema(path_prefix="/api/v1/")
    schema = schemathesis.openapi.from_dict(document)
    schema.app = get_wsgi_application()
    schema.config.generation.update(with_security_parameters=False)  # test_refused_keys.py
    return schema


@pytest.fixture
def _connection_stays_open():
    """Let no request close the connection, and with it the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def existing():
    """What ids and keys of a request may be, so that something is there."""
    weight, contact = WeightFactory(), AssignedContactFactory()
    return {
        "operator_id": weight.operator_id,
        "source_id": contact.source_id,
        "weight_id": weight.pk,
        "contact_id": contact.pk,
        "lead_id": contact.lead_id,
        "external_id": "tg-1001",
        "email": "lead@example.com",
        "phone": "+44 20 7946 0123",
    }


def printable(value):
    """Return a JSON value without the characters that we refuse, so that some texts are taken."""
    if isinstance(value, str):
        return "".join(char for char in value if char.isprintable())
    if isinstance(value, list):
        return [printable(item) for item in value]
    if isinstance(value, dict):
        return {printable(name): printable(item) for name, item in value.items()}
    return value


@pytest.mark.slow
@pytest.mark.usefixtures("_connection_stays_open")
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_are_as_described(schema, existing, method, path, mode):
    headers = {"Authorization": f"Bearer {make_key(can_manage=True)}"}

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def check(case):
        if mode is GenerationMode.POSITIVE:
            # Made-up ids would hardly ever be there, nor made-up numbers be phone numbers.
            for name in case.path_parameters:
                case.path_parameters[name] = existing[name]
            if isinstance(case.body, dict):
                known = {name: existing[name] for name in case.body.keys() & existing.keys()}
                case.body = printable(case.body) | known
        response = case.call(headers=headers)
        assert not 300 <= response.status_code < 400
        assert response.headers["x-request-id"]
        case.validate_response(response, checks=CHECKS)

    check()
