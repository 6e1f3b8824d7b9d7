"""erase_lead, export_lead and maintain."""

import io
import json
import stat
import sys
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils import timezone

from distribution.models import AuditEvent, Operator
from distribution.tests.factories import WeightFactory
from leads.management.commands import maintain
from leads.models import Contact, IdempotencyRecord, Lead
from leads.services import idempotency
from leads.tests.factories import ClosedContactFactory, LeadFactory, WaitingContactFactory
from minicrm.transactions import RunAgain

pytestmark = pytest.mark.django_db

PHONE = "+442079460123"
REASON = ("--reason", "Request 7")


@pytest.fixture
def lead():
    lead = LeadFactory(external_id="demo-1", email="lead@example.com", phone=PHONE)
    WaitingContactFactory(lead=lead, message="Call me")
    return lead


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(*args):
    out = io.StringIO()
    call_command(*map(str, args), stdout=out)
    return out.getvalue()


def is_erased(lead):
    return Lead.objects.get(pk=lead.pk).erased_at is not None


# erase_lead -----------------------------------------------------------------------------------


def test_erases_and_says_what(lead):
    lines = run("erase_lead", lead.pk, *REASON, "--yes").splitlines()
    assert is_erased(lead)
    counts = dict(line.rsplit(None, 1) for line in lines[2:-1])
    assert {name.strip(): count for name, count in counts.items()} == {
        "leads merged into it": "0",
        "external ids": "1",
        "emails": "1",
        "phones": "1",
        "names": "0",
        "contacts, whose numbers stay": "1",
        "of these, open": "1",
        "messages": "1",
        "payloads": "0",
        "possible duplicates": "0",
    }
    assert lines[-1].startswith(f"Lead {lead.pk} is erased")
    assert "example.com" not in "".join(lines)
    assert AuditEvent.objects.get().actor == "erase_lead"


@pytest.mark.parametrize(
    "key",
    [
        ("--email", "LEAD@Example.com"),
        ("--phone", "+44 20 7946 0123"),
        ("--external-id", " Demo-1 "),
    ],
)
def test_finds_the_lead_by_a_key(lead, key):
    run("erase_lead", *key, *REASON, "--yes")
    assert is_erased(lead)


def test_a_key_of_a_merged_lead_means_the_one_it_is(lead):
    LeadFactory(external_id="demo-2", merged_into=lead)
    run("erase_lead", "--external-id", "demo-2", *REASON, "--yes")
    assert is_erased(lead)


@pytest.mark.parametrize(
    ("typed", "erased"), [("{pk}\n", True), ("#{pk}\n", True), ("yes\n", False), ("\n", False)]
)
def test_asks_for_the_number(lead, monkeypatch, capsys, typed, erased):
    monkeypatch.setattr(sys, "stdin", Terminal(typed.format(pk=lead.pk)))
    if erased:
        run("erase_lead", lead.pk, *REASON)
    else:
        with pytest.raises(CommandError, match="Nothing was erased"):
            run("erase_lead", lead.pk, *REASON)
    assert is_erased(lead) == erased
    assert "cannot be undone" in capsys.readouterr().out


def test_does_nothing_where_nobody_can_be_asked(lead, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{lead.pk}\n"))
    with pytest.raises(CommandError, match="--yes"):
        run("erase_lead", lead.pk, *REASON)
    assert not is_erased(lead)


@pytest.mark.parametrize(
    ("args", "match"),
    [
        ((), "Name one lead"),
        (("7", "--email", "lead@example.com"), "Name one lead"),
        (("--email", "lead@example.com", "--phone", PHONE), "Name one lead"),
        (("--email", "nobody@example.com"), "Nobody is known by that"),
        (("--phone", "12"), "too short"),
        (("--email", " "), "Nobody is known by that"),
        (("4000000",), "There is no lead 4000000"),
        (("x",), "whole number"),
    ],
)
def test_refuses_what_names_nobody(lead, args, match):
    for command in (("erase_lead", *args, *REASON, "--yes"), ("export_lead", *args)):
        with pytest.raises(CommandError, match=match):
            run(*command)
    assert not is_erased(lead)
    assert not AuditEvent.objects.exists()


def test_says_that_it_is_erased_already(lead):
    run("erase_lead", lead.pk, *REASON, "--yes")
    with pytest.raises(CommandError, match="was erased on") as caught:
        run("erase_lead", lead.pk, *REASON, "--yes")
    assert caught.value.returncode == 1


def test_a_reason_with_the_name_in_it_is_refused(lead):
    with pytest.raises(CommandError, match="must not hold the name or a key"):
        run("erase_lead", lead.pk, "--reason", "lead@example.com asked", "--yes")
    assert not is_erased(lead)


# export_lead ----------------------------------------------------------------------------------


def test_writes_everything_to_the_terminal(lead):
    dossier = json.loads(run("export_lead", lead.pk))
    assert dossier["lead"]["email"] == "lead@example.com"
    assert dossier["contacts"][0]["message"] == "Call me"
    assert AuditEvent.objects.get().action == "exported"


def test_writes_a_file_that_is_nobody_elses(lead, tmp_path):
    path = tmp_path / "lead.json"
    told = run("export_lead", "--email", "lead@example.com", "--output", path)
    assert json.loads(path.read_text())["lead"]["phone"] == PHONE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "contacts 1" in told
    assert "example.com" not in told


@pytest.mark.parametrize("name", ["there.json", "no/such/folder.json"])
def test_overwrites_nothing_and_says_what_is_wrong(lead, tmp_path, name):
    (tmp_path / "there.json").write_text("kept")
    with pytest.raises(CommandError, match=r"exists already|cannot be written"):
        run("export_lead", lead.pk, "--output", tmp_path / name)
    assert (tmp_path / "there.json").read_text() == "kept"


# maintain -------------------------------------------------------------------------------------


def lines_of(text):
    return dict(line.split(": ", 1) for line in text.splitlines())


def test_does_all_duties_and_says_one_line_each(settings):
    settings.RETENTION_DAYS = 30
    old = timezone.now() - idempotency.KEEP_FOR - timedelta(minutes=1)
    IdempotencyRecord.objects.create(scope="api_key:1", key="k", digest="d", response={})
    IdempotencyRecord.objects.update(created_at=old)
    Session.objects.create(session_key="s", session_data="", expire_date=old)
    month_ago = timezone.now() - timedelta(days=31)
    ClosedContactFactory(message="Call me", created_at=month_ago, closed_at=month_ago)

    assert lines_of(run("maintain")) == {
        "idempotency keys": "1 forgotten",
        "sessions": "expired ones deleted",
        "failed sign-ins": "old ones forgotten",
        "contents of old contacts": "1 forgotten, of contacts closed 30 days ago or earlier",
        "queue": "nothing waits beside a free place",
        "loads": "all are right",
    }
    assert not IdempotencyRecord.objects.exists()
    assert not Session.objects.exists()
    assert Contact.objects.get().message == ""


def test_keeps_contents_where_nothing_else_is_said():
    long_ago = timezone.now() - timedelta(days=9_000)
    ClosedContactFactory(message="Call me", created_at=long_ago, closed_at=long_ago)
    assert "kept for ever" in lines_of(run("maintain"))["contents of old contacts"]
    assert Contact.objects.get().message == "Call me"


def test_what_wants_a_look_is_told_and_the_rest_is_done(capsys):
    weight = WeightFactory(operator__max_load=5)
    WaitingContactFactory.create_batch(2, source=weight.source)
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"Look at: queue\.") as caught:
        call_command("maintain", stdout=out)
    assert caught.value.returncode == 1
    told = lines_of(out.getvalue())
    assert told["queue"].startswith("ATTENTION: 2 contacts waited")
    assert told["loads"] == "all are right"
    assert Operator.objects.get().current_load == 2

    Operator.objects.update(current_load=4)
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"Look at: loads\."):
        call_command("maintain", stdout=out)
    assert lines_of(out.getvalue())["loads"].startswith("ATTENTION: 1 are wrong")
    assert Operator.objects.get().current_load == 4, "only check_loads --repair repairs"


@pytest.mark.parametrize(
    "error", [DatabaseError, InterfaceError, OperationalError, RunAgain, OSError]
)
def test_a_duty_that_fails_does_not_keep_the_others_from_theirs(monkeypatch, caplog, error):
    def fail():
        raise error("the disk is full")

    monkeypatch.setitem(maintain.DUTIES, "sessions", fail)
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"Look at: sessions\."):
        call_command("maintain", stdout=out)
    told = lines_of(out.getvalue())
    assert told["sessions"] == f"FAILED: {error.__name__}"
    assert told["loads"] == "all are right"
    assert "the disk is full" in caplog.text


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_fails_one_duty_alone(monkeypatch):
    """Somebody restarts the database, or ends the session, in the middle of it."""

    def fail():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setitem(maintain.DUTIES, "sessions", fail)
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"Look at: sessions\."):
        call_command("maintain", stdout=out)
    assert lines_of(out.getvalue())["loads"] == "all are right"
