"""The filtered contacts as a CSV file."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from leads import export
from leads.export import COLUMNS, csv_lines, safe_cell
from leads.models import Contact
from leads.tests.factories import AssignedContactFactory, LeadFactory, WaitingContactFactory
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

EXPORT = reverse("leads:export_contacts")


def rows_of(client, query=""):
    """Return the lines of the file as a program reads them, by their headings."""
    answer = client.get(EXPORT + query, follow=True)
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_has_all_that_a_supervisor_asks_for(supervisor, settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    lead = LeadFactory(name="Demo lead", email="lead@example.com", phone="+442079460123")
    contact = AssignedContactFactory(
        lead=lead,
        source__name="Demo, bot",
        operator__name="Демо",
        name="As sent",
        message='Two\nlines, "quoted"',
        created_at=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    )

    (row,) = rows_of(supervisor)

    moment = row.pop("assigned")
    assert datetime.fromisoformat(moment) == contact.assigned_at.replace(microsecond=0)
    assert row == {
        "id": str(contact.pk),
        "status": "assigned",
        "source": "Demo, bot",
        "operator": "Демо",
        "lead_id": str(lead.pk),
        "lead_name": "Demo lead",
        "external_id": lead.external_id,
        "email": "lead@example.com",
        "phone": "+442079460123",
        "name": "As sent",
        "message": 'Two\nlines, "quoted"',
        "received": "2030-01-02T12:04:05+09:00",
        "closed": "",
    }


def test_is_named_by_the_day_and_read_rightly_by_excel(viewer):
    response = viewer.get(EXPORT)

    name = response["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="contacts-\d{4}-\d\d-\d\d\.csv"', name)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert b"".join(response.streaming_content).startswith(b"\xef\xbb\xbfid,status,")


def test_has_what_the_list_shows_with_the_same_filters(viewer):
    waiting, assigned = WaitingContactFactory(), AssignedContactFactory()

    assert [row["id"] for row in rows_of(viewer)] == [str(assigned.pk), str(waiting.pk)]
    assert [row["id"] for row in rows_of(viewer, "?status=waiting")] == [str(waiting.pk)]
    assert [row["id"] for row in rows_of(viewer, f"?q=%23{assigned.pk}")] == [str(assigned.pk)]
    assert rows_of(viewer, "?q=nobody") == []


def test_filters_that_make_no_sense_are_shown_in_the_list(viewer):
    response = viewer.get(EXPORT + "?status=odd")

    assert response.url == "/contacts/?status=odd"


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋"])
def test_no_cell_is_a_formula(supervisor, beginning):
    formula = beginning + "1+HYPERLINK(1)"
    WaitingContactFactory(message=formula, source__name=formula, lead__external_id=formula)

    (row,) = rows_of(supervisor)

    assert [row[name] for name in ("message", "source", "external_id")] == [f"'{formula}"] * 3


@pytest.mark.parametrize("text", ["+442079460123", "", "a=1", "1-2", "'=1"])
def test_what_is_no_formula_stays_as_it_is(text):
    assert safe_cell(text) == text


@pytest.mark.parametrize("text", ["+44207+1", "+", "+44 20", "+4420794601234567", "+1\n=2"])
def test_only_a_phone_number_may_begin_with_a_plus(text):
    assert safe_cell(text) == f"'{text}"


def test_reads_by_keys_a_chunk_at_a_time(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(export, "CHUNK", 10)
    numbers = [one.pk for one in WaitingContactFactory.create_batch(25)]

    with django_assert_num_queries(3) as captured:
        text = "".join(csv_lines(Contact.objects.all(), masked=False))

    assert [int(line.split(",")[0]) for line in text.splitlines()[1:]] == numbers[::-1]
    queries = [query["sql"] for query in captured.captured_queries]
    assert all("LIMIT 10" in sql and "OFFSET" not in sql for sql in queries)
    assert f'"id" < {numbers[15]}' in queries[1]


def test_a_failure_in_the_middle_breaks_the_file_off(monkeypatch, viewer):
    monkeypatch.setattr(export, "CHUNK", 1)
    WaitingContactFactory.create_batch(2)
    lines = iter(viewer.get(EXPORT).streaming_content)
    next(lines)
    next(lines)

    def fail(*args, **kwargs):
        raise OperationalError("the server is gone")

    monkeypatch.setattr("django.db.models.sql.compiler.SQLCompiler.execute_sql", fail)
    with pytest.raises(OperationalError):
        next(lines)


def test_only_who_may_look_at_contacts_takes_them_along(viewer):
    assert viewer.get(EXPORT).status_code == 200
    assert sign_in().get(EXPORT).status_code == 403
    assert "/accounts/login/" in Client().get(EXPORT).url
    assert viewer.post(EXPORT).status_code == 405


def test_columns_are_named_once_and_for_all():
    """Whoever reads the file by program counts on them."""
    assert list(COLUMNS)[:4] == ["id", "status", "source", "operator"]
    assert not {"supplied", "payload"} & set(COLUMNS)
