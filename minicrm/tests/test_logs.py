"""The application's log: of a failure it says enough to mend it, and of people nothing."""

import io
import json
import logging
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.signals import request_finished
from django.db import DataError, IntegrityError, connection
from django.test import Client

from leads.models import Lead
from leads.tests.factories import LeadFactory
from minicrm.logs import FORMATTERS
from minicrm.request_facts import UNKNOWN
from minicrm.request_id import RequestIdFilter, current_request_id
from minicrm.tests.client import Api, api_with_key
from minicrm.tests.server import environment

PERSON = "first.person@example.com"
PHONE = "+442079460123"


@pytest.fixture(params=FORMATTERS)
def log(request):
    """What is logged, as text; in both formats one after the other."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(FORMATTERS[request.param]())
    handler.addFilter(RequestIdFilter())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.django_db
def test_database_error_says_what_failed_and_where_but_not_for_whom(log):
    LeadFactory(email=PERSON)
    with pytest.raises(IntegrityError) as found:
        Lead.objects.create(email=PERSON)
    assert connection.vendor == "sqlite" or PERSON in str(found.value)  # DETAIL: Key (email)=…

    logging.getLogger("leads").error("A contact was not stored", exc_info=found.value)

    text = log.getvalue()
    assert PERSON not in text
    assert "first.person" not in text
    assert "A contact was not stored" in text
    assert "IntegrityError" in text
    assert "email" in text  # the constraint's name
    assert "test_logs.py" in text
    if connection.vendor == "postgresql":
        assert "23505" in text


@pytest.mark.postgresql
@pytest.mark.django_db
def test_value_that_the_database_cannot_read_is_not_repeated(log):
    with pytest.raises(DataError) as found, connection.cursor() as cursor:
        cursor.execute("SELECT %s::integer", [PERSON])
    assert PERSON in str(found.value)
    logging.getLogger("leads").error("Not a number", exc_info=found.value)
    assert "22P02" in log.getvalue()
    assert PERSON not in log.getvalue()


# Requests -------------------------------------------------------------------------------------


@pytest.mark.any_database
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/wp-admin/setup.php", "/wp-admin/setup.php"),
        (f"/leads/{PERSON}/", UNKNOWN),
        ("/nobody/442079460123/", UNKNOWN),
        ("/ivan%20petrov", UNKNOWN),
        ("/x%0d%0a2026-01-01 CRITICAL forged", UNKNOWN),
        ("/%1b[31mred", UNKNOWN),
        ("/leads/123456789/?q=x", "/leads/123456789/"),
        ("/leads/442079460123/?q=x", "/leads/<int:pk>/"),
    ],
)
def test_address_that_leads_nowhere_is_logged_as_far_as_it_names_nobody(
    administrator, log, path, shown
):
    response = administrator.get(path)
    assert response.status_code == 404
    lines = [line for line in log.getvalue().splitlines() if "django.request" in line]
    assert len(lines) == 1
    assert shown in lines[0]
    assert response["X-Request-ID"] in lines[0]
    for secret in (PERSON, "442079460123", "ivan", "forged", "red", "q=x"):
        assert secret not in log.getvalue()


@pytest.mark.any_database
@pytest.mark.django_db
def test_api_address_with_an_email_in_place_of_a_number(log):
    response = api_with_key().get(f"leads/{PERSON}")
    assert response.status_code == 404
    assert f"Not Found: {UNKNOWN}" in log.getvalue()
    assert PERSON not in log.getvalue()


@pytest.mark.any_database
@pytest.mark.django_db
def test_refused_form_says_where_it_came_from_but_not_what_was_searched_there(log):
    client = Client(enforce_csrf_checks=True)
    client.get("/accounts/login/")
    response = client.post(
        "/accounts/login/",
        {"username": "x"},
        headers={"Referer": f"https://elsewhere.example.com/leads/?q={PERSON}"},
        secure=True,
    )
    assert response.status_code == 403
    assert "https://elsewhere.example.com does not match" in log.getvalue()
    assert PERSON not in log.getvalue()
    assert "q=" not in log.getvalue()


@pytest.mark.any_database
@pytest.mark.django_db
def test_id_of_a_request_is_on_its_lines_and_not_on_those_after_it(log):
    response = Api().get("operators/", headers={"X-Request-ID": "from-the-proxy"})
    assert response.json()["request_id"] == "from-the-proxy"
    response.close()
    logging.getLogger("leads").warning("between requests")
    of_request, between = log.getvalue().splitlines()
    assert "from-the-proxy" in of_request
    assert "from-the-proxy" not in between


@pytest.mark.any_database
@pytest.mark.django_db
def test_end_of_a_request_forgets_its_id():
    current_request_id.set("some-id")
    request_finished.send(sender=None)
    assert current_request_id.get() == "-"


# Other processes ------------------------------------------------------------------------------

FAIL = f"""
import logging, threading, warnings
warnings.warn("Old ways")
logging.getLogger("leads.demo").warning("Forgot %s keys", 5, extra={{"source_id": 3}})
def end(): raise ValueError("{PERSON}")
thread = threading.Thread(target=end); thread.start(); thread.join()
raise ValueError("{PERSON} {PHONE}")
"""


def run_command(log_format):
    """Run a command that fails as no command should."""
    return subprocess.run(
        [sys.executable, "-W", "default::UserWarning", "manage.py", "shell", "-c", FAIL],
        env=environment(LOG_FORMAT=log_format, DEBUG="0"),
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
    )


@pytest.mark.any_database
@pytest.mark.django_db
def test_command_writes_json_also_when_it_ends_with_an_exception():
    result = run_command("json")
    assert result.returncode == 1
    found = [json.loads(line) for line in result.stderr.splitlines()]
    said = [(record["level"], record["logger"]) for record in found]
    assert said == [
        ("WARNING", "py.warnings"),
        ("WARNING", "leads.demo"),
        ("CRITICAL", "minicrm.logs"),
        ("CRITICAL", "minicrm.logs"),
    ]
    assert found[1]["message"] == "Forgot 5 keys"
    assert found[1]["source_id"] == 3
    assert found[1]["request_id"] is None
    assert found[2]["exception_class"] == found[3]["exception_class"] == "ValueError"
    assert "in end" in found[2]["exception"]
    assert PERSON not in result.stderr
    assert PHONE not in result.stderr


@pytest.mark.any_database
@pytest.mark.django_db
def test_command_in_plain_says_no_more():
    result = run_command("plain")
    assert result.returncode == 1
    assert " WARNING leads.demo [-] Forgot 5 keys source_id=3\n" in result.stderr
    assert " CRITICAL minicrm.logs [-] Ended by ValueError\n    Traceback" in result.stderr
    assert PERSON not in result.stderr


@pytest.mark.any_database
@pytest.mark.parametrize("value", ["xml", "Plain,json"])
def test_wrong_format_stops_the_start(value):
    result = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env=os.environ | {"LOG_FORMAT": value},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert "LOG_FORMAT must be one of plain, json" in result.stderr
