"""The documentation names what there is, and its examples work."""

import os
import re
import subprocess
import sys

import pytest
from django.conf import settings

from distribution.tests.factories import WeightFactory, make_key
from leads.models import Contact
from leads.tests.factories import WaitingContactFactory
from minicrm.api import api
from minicrm.tests.server import running_server

DOCS = settings.BASE_DIR / "docs"
API = (DOCS / "api.md").read_text()
CONFIGURATION = (DOCS / "configuration.md").read_text()
VARIABLE = re.compile(r"""(?:environ\.get|getenv|read_[a-z_]+)\(\s*["']([A-Z][A-Z_]+)["']""")
# What gives an error its code, wherever that is raised.
CODE = re.compile(
    r"(?:Problem\(\s*\d+,|refuse\(|NotFound\(|Conflict\(|Invalid\(|Busy\(|BadKey\(\s*\"\w+\",)"
    r"\s*\"(\w+)\""
)
# Of imported files, and of pages: of what was changed since they were opened, of merging and
# erasing leads.
NOT_OF_THE_API = {
    "busy",
    "lead_changed",
    "lead_erased",
    "lead_grew",
    "lead_merged",
    "leads_changed",
    "reason_holds_key",
    "reason_names_lead",
    "same_lead",
    "source_required",
    "weights_changed",
}
CODE_OF_PYDANTIC = re.compile(r"^    \"\w+\": \"([a-z_]+)\",$", re.MULTILINE)


def sources(*patterns):
    for pattern in patterns:
        for path in settings.BASE_DIR.glob(pattern):
            if "tests" not in path.parts:
                yield path.read_text()


def routes():
    document = api.get_openapi_schema(path_prefix="/api/v1/")
    for path, methods in document["paths"].items():
        for method in methods:
            yield method.upper(), path.removeprefix("/api/v1")


def test_every_environment_variable_is_documented():
    read = set()
    for text in sources(
        "gunicorn.conf.py", "minicrm/*.py", "distribution/**/*.py", "leads/**/*.py", "tools/*.py"
    ):
        read |= set(VARIABLE.findall(text))
    assert {"DATABASE_URL", "SECRET_KEY", "PORT", "WEB_CONCURRENCY", "DATA_DIR"} <= read
    assert {name for name in read if f"| `{name}` |" not in CONFIGURATION} == set()


def test_every_documented_variable_is_read():
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", CONFIGURATION, re.MULTILINE))
    text = "".join(
        sources("*.py", "minicrm/*.py", "distribution/**/*.py", "leads/**/*.py", "tools/*.py")
    )
    # Those of the containers are compose's own, or for the database's image.
    containers = set(re.findall(r"\$\{([A-Z_]+)", "".join(sources("compose*.yaml"))))
    unread = {name for name in documented if f'"{name}"' not in text}
    assert unread - containers == set()


def test_every_route_is_documented():
    [table] = re.findall(r"## Routes\n.*?\n### ", API, re.DOTALL)
    rows = table.splitlines()
    found = list(routes())
    assert len(found) > 20
    for method, path in found:
        said = any(f"{path}`" in row and method in row for row in rows)
        assert said, f"{method} {path} is missing under Routes"


def test_every_route_has_an_example():
    for method, path in routes():
        called = re.sub(r"\{\w+\}", r"\\d+", path)
        example = re.search(rf"^api {method} '?{called}(?=['?\s]|$)", API, re.MULTILINE)
        assert example, f"{method} {path} has no example"


def test_every_error_code_is_documented():
    raised = set(
        CODE_OF_PYDANTIC.findall((settings.BASE_DIR / "minicrm/validation.py").read_text())
    )
    patterns = "minicrm/*.py", "distribution/**/*.py", "leads/api/*.py", "leads/*.py"
    for text in sources(*patterns, "leads/services/*.py"):
        raised |= set(CODE.findall(text))
    assert {"not_json", "lead_key_required", "weight_exists", "too_deep", "invalid_phone"} <= raised
    documented = {code for code in raised if f"`{code}`" in API}
    assert raised - documented == NOT_OF_THE_API


@pytest.mark.slow_on_postgresql
@pytest.mark.django_db(transaction=True)
def test_python_examples_work():
    weight = WeightFactory()
    post, walk = re.findall(r"```python\n(.*?)```", API, re.DOTALL)
    with running_server(workers=1) as server:

        def run(code, key):
            environ = os.environ | {
                "MINICRM_URL": f"http://127.0.0.1:{server.port}", "MINICRM_API_KEY": key,
            }  # fmt: skip
            return subprocess.run(
                [sys.executable, "-"], input=code, env=environ, capture_output=True, text=True
            )

        key = make_key(source=weight.source)
        answers = [run(post, key).stdout for _ in range(2)]
        contact = Contact.objects.get()  # the second was a retry of the first
        name = weight.operator.name
        assert answers == [f"Contact {contact.pk} is assigned, with {name}.\n"] * 2
        refused = run(post, "wrong")
        assert '"unauthorized"' in refused.stderr.splitlines()[-1]
        waiting = WaitingContactFactory.create_batch(5, source=weight.source)
        listed = run(walk.replace("limit=500", "limit=2"), key).stdout
        assert [int(line.split()[0]) for line in listed.splitlines()] == [x.pk for x in waiting]


def test_no_example_names_a_host_of_somebody():
    for text in (API, CONFIGURATION):
        hosts = re.findall(r"https?://([\w.-]+)", text)
        assert {host for host in hosts if not host.endswith("example.com")} <= {"127.0.0.1"}
