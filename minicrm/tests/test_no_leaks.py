"""Personal data of leads is in no log, address, error page or record of who did what."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.contrib.staticfiles.finders import get_finders

from distribution.keys import create_api_key
from distribution.models import Operator, OperatorSourceWeight, Source
from leads.models import Assignment, Contact, IdempotencyRecord, Lead, LeadConflict
from leads.services import ContactRequest, register_contact
from minicrm.tests.every_page import PAGES
from minicrm.tests.leaks import run
from minicrm.tests.leaks.canaries import (
    EMAIL,
    EXTERNAL_ID,
    MESSAGE,
    NAME,
    OTHER_EMAIL,
    OTHER_PHONE,
    PAYLOAD,
    PHONE,
    found_in,
    found_in_all,
    lines_with,
)
from minicrm.tests.leaks.visitor import Visitor
from minicrm.tests.people import make_user
from minicrm.tests.server import ROOT, environment, running_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow_on_postgresql,
]

SECRET = "a demo secret that both processes sign sessions with, for one test"
MARK = "the log is caught: Wryneck"
# Where the personal data of leads belongs, and nothing else may hold any.
KEPT_IN = {
    Lead: {"external_id", "email", "phone", "name"},
    Contact: {"supplied", "name", "message", "payload"},
    Assignment: {"end_reason", "decision"},  # what a person wrote as the reason of a move
    IdempotencyRecord: {"key"},  # the bot's own choice
}


@pytest.fixture
def surroundings(tmp_path, settings):
    """The environment of a server in production, whose static files need no collecting."""
    folder = tmp_path / "static"
    folder.mkdir()
    names = [name for finder in get_finders() for name, _storage in finder.list([])]
    manifest = {"version": "1.1", "paths": {name: name for name in names}, "hash": ""}
    (folder / "staticfiles.json").write_text(json.dumps(manifest))
    settings.SECRET_KEY = SECRET
    return {
        "DEBUG": "0",
        "SECRET_KEY": SECRET,
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "minicrm.tests.leaks.settings",
        "LOG_LEVEL": "DEBUG",
        "ACCESS_LOG": "1",
        "DATA_DIR": str(tmp_path),
    }


@pytest.fixture
def world():
    """A source with an operator, people in each role, and a lead with contacts to work on."""
    source = Source.objects.create(name="Demo")
    operator = Operator.objects.create(name="Demo operator", max_load=3)
    OperatorSourceWeight.objects.create(operator=operator, source=source, weight=1)
    make_user("viewer"), make_user("supervisor"), make_user("administrator")
    keys = {"external_id": EXTERNAL_ID, "email": EMAIL, "phone": PHONE}
    request = ContactRequest(
        source_id=source.pk, name=NAME, message=MESSAGE, payload=PAYLOAD, **keys
    )
    numbers = [register_contact(request, actor="test").receipt["id"] for _ in range(4)]
    one, other = (
        Lead.objects.create(email="one@example.com"),
        Lead.objects.create(email="o@example.com"),
    )
    conflict = LeadConflict.objects.create(lead=one, other_lead=other, key="email")
    key, token = create_api_key(name="Demo", source=source, actor="test")
    return {
        "source": source.pk,
        "operator": operator.pk,
        "lead": Lead.objects.get(email=EMAIL).pk,
        "contacts": numbers,
        "conflicts": [conflict.pk],
        "key": key.pk,
        "token": token,
    }


def play(port, world):
    """Play the whole run; return everybody who took part, and what was said to no HTTP."""
    bots = run.work_of_a_bot(port, world["token"])
    said = run.speak_no_http(port)
    viewer, supervisor, administrator = (
        run.signed_in(port, f"demo-{role}") for role in ("viewer", "supervisor", "administrator")
    )
    first = world["contacts"][0]
    ids = {**world, **dict.fromkeys(("waiting", "assigned", "closed", "moved"), first)}
    paths = [page.path(ids) for page in PAGES if set(page.ids.values()) <= ids.keys()]
    run.work_of_a_supervisor(supervisor, world)
    run.look_at_everything(supervisor, paths, by_htmx=False)
    run.work_of_an_administrator(administrator, world)
    run.look_at_everything(viewer, paths, by_htmx=True)
    # Whoever types personal data into an address has it in theirs, and in those it leads to.
    astray = [Visitor(port), Visitor(port, cookies=dict(viewer.cookies))]
    for visitor in astray:
        run.go_astray(visitor)
    astray.append(Visitor(port, cookies=dict(administrator.cookies)))
    run.type_addresses(astray[-1], world)
    assert viewer.post("/marked/", {"text": MARK}).text == "marked"
    return bots, [viewer, supervisor, administrator], astray, said


@pytest.mark.parametrize("log_format", ["plain", pytest.param("json", marks=pytest.mark.thorough)])
def test_a_whole_run_leaks_nothing(surroundings, world, tmp_path, log_format):
    log = tmp_path / "log"
    with (
        log.open("w") as output,
        running_server(
            workers=1, output=output, log_level="debug", LOG_FORMAT=log_format, **surroundings
        ) as server,
    ):
        bots, people, astray, said = play(server.port, world)

    written = log.read_text()
    everybody = [*bots, *people, *astray]
    requests = sum(len(one.answers) for one in everybody)
    made = len({address for one in people for address in one.produced})
    lines = written.count("\n")
    # pytest -rP shows it
    sys.stdout.write(f"{requests} requests, {made} addresses made, {lines} lines of log\n")
    check_that_it_was_caught(written, everybody)
    assert lines_with(written) == []
    assert found_in_all({address for one in people for address in one.produced}) == []
    assert [
        (method, path, answer.status)
        for one in everybody
        for method, path, answer in one.answers
        if answer.status >= 400 and found_in(said_of_an_error(path, answer))
    ] == []
    assert found_in(said) == set()
    assert records_with_personal_data() == []


def said_of_an_error(path, answer):
    """Return what an answer says that is an error; a form that is shown again is none."""
    if answer.status in (409, 422) and not path.startswith("/api/"):
        return ""
    # The switches of language and theme lead back to the address that the user has typed.
    return re.sub(r'name="next"\s+value="[^"]*"', "", answer.text)


def check_that_it_was_caught(written, everybody):
    """Fail unless the log holds what it must, and the run was one."""
    assert MARK in written
    for word in ("Traceback", "RuntimeError", "IntegrityError", "break_down", "POST", "POST /api/"):
        assert word in written, word
    statuses = {answer.status for one in everybody for *_, answer in one.answers}
    assert statuses >= {200, 201, 302, 400, 401, 403, 404, 405, 413, 415, 422, 500}
    # What is looked for is there to be found.
    assert any(found_in(answer.text) for one in everybody for *_, answer in one.answers)
    assert len({address for one in everybody for address in one.produced}) > 200
    assert Lead.objects.filter(email=OTHER_EMAIL).exists()
    assert Lead.objects.filter(phone=OTHER_PHONE, merged_into__isnull=False).exists() or (
        Lead.objects.filter(email=OTHER_EMAIL, merged_into__isnull=False).exists()
    )
    for table in ("admin.LogEntry", "distribution.AuditEvent", "sessions.Session"):
        assert apps.get_model(table).objects.count() > 1, table
    searches = [row.get_decoded().get("searches") for row in Session.objects.all()]
    assert any(searches)


def records_with_personal_data():
    """Return (table, column) wherever a canary stands that does not belong there."""
    found = set()
    for model in apps.get_models(include_auto_created=True):
        for row in model._base_manager.all():
            values = {field.attname: getattr(row, field.attname) for field in model._meta.fields}
            if model is Session:
                # A move of many contacts keeps for a day what a person wrote as the reason.
                facts = {**row.get_decoded(), "said": None}
                values["session_data"] = facts
            found |= {
                (model._meta.label, name)
                for name, value in values.items()
                if name not in KEPT_IN.get(model, ()) and found_in(as_text(value))
            }
    return sorted(found)


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def test_an_import_tells_no_personal_data(world, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text(run.rows_of_a_file())
    columns = ["--email", "mail", "--phone", "phone", "--name", "who", "--external-id", "id"]
    command = ["manage.py", "import_contacts", str(file), *columns, "--message", "text"]

    done = subprocess.run(
        [sys.executable, *command, "--source", "Demo"],
        cwd=ROOT,
        env=environment(DEBUG="0", LOG_LEVEL="DEBUG"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "rejected" in done.stdout
    assert lines_with(done.stdout + done.stderr) == []
    *_rows, reasons = rejected(file)
    assert len(reasons) >= 5
    assert found_in_all(reasons) == []


def rejected(file):
    """Return the rows of the file of rejected rows, and their reasons."""
    import csv

    with Path(f"{file.with_suffix('')}.rejected.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    return rows, [row["reason"] for row in rows]
