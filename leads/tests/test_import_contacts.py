"""manage.py import_contacts: what goes in, what is refused, and that nothing goes in twice."""

import csv
import io
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from distribution.models import Operator, Source
from distribution.services import update_source
from distribution.tests.factories import SourceFactory, WeightFactory
from leads.management.commands import import_contacts
from leads.models import MESSAGE_LENGTH, Contact, Lead
from leads.services.imports import ContactImport
from leads.tests.checks import assert_promises_kept
from minicrm.tests.choosing import every
from minicrm.tests.server import ROOT, environment

pytestmark = pytest.mark.django_db

ROWS = 4_000  # enough that a file is not done before somebody can stop it
SUMMARY = r"^(imported|already there|rejected|total) +(\d+)"


def run(path, *args):
    out, err = io.StringIO(), io.StringIO()
    call_command("import_contacts", str(path), *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def numbers(out):
    """Return what the summary says, by its words."""
    return {word: int(number) for word, number in re.findall(SUMMARY, out, re.M)}


def rejected(path):
    """Return the rejected rows, each as {column: cell}."""
    with path.with_name(path.stem + ".rejected.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def source():
    return SourceFactory(name="Bot")


@pytest.fixture
def write(tmp_path):
    def write(text, *, name="leads.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


def test_every_column_finds_its_place(write, source):
    operator = WeightFactory(source=source).operator
    path = write(
        "id,mail,tel,who,text,city,campaign,empty\n"
        'A-1,One@Example.com,+44 20 7946 0001,Lead One,"Hello,\nworld",Leeds,spring,\n'
    )
    out, _ = run(
        path, "--source=Bot", "--external-id=id", "--email=mail", "--phone=tel", "--name=who",
        "--message=text", "--payload=city", "--payload=empty",
    )  # fmt: skip
    contact = Contact.objects.get()
    assert (contact.source, contact.operator) == (source, operator)
    assert (contact.name, contact.message) == ("Lead One", "Hello,\nworld")
    assert contact.payload == {"city": "Leeds"}
    lead = contact.lead
    assert (lead.external_id, lead.email, lead.phone) == (
        "a-1", "one@example.com", "+442079460001",
    )  # fmt: skip
    assert numbers(out) == {"imported": 1, "already there": 0, "rejected": 0, "total": 1}
    assert "assigned 1, waiting 0" in out


def test_payload_rest_takes_every_column_not_named(write, source):
    run(write("mail,a,b\nx@example.com,1,2\n"), "--source=Bot", "--email=mail", "--payload-rest")
    assert Contact.objects.get().payload == {"a": "1", "b": "2"}


def test_contacts_keep_the_order_of_the_file(write, source):
    path = write("id\n" + "".join(f"lead-{n}\n" for n in range(20)))
    run(path, f"--source={source.pk}", "--external-id=id")
    ids = Contact.objects.order_by("pk").values_list("lead__external_id", flat=True)
    assert list(ids) == [f"lead-{n}" for n in range(20)]


def test_same_file_again_adds_nothing(write, source):
    path = write("id,text\nx,one\ny,two\n")
    run(path, "--source=Bot", "--external-id=id", "--message=text")
    out, _ = run(path, "--source=Bot", "--external-id=id", "--message=text")
    assert numbers(out) == {"imported": 0, "already there": 2, "rejected": 0, "total": 2}
    assert Contact.objects.count() == 2


def test_longer_file_adds_only_what_is_new(write, source):
    run(write("id\nx\ny\n"), "--source=Bot", "--external-id=id")
    out, _ = run(write("id\nnew\nx\nx\ny\n"), "--source=Bot", "--external-id=id")
    assert numbers(out) == {"imported": 2, "already there": 2, "rejected": 0, "total": 4}
    assert sorted(Contact.objects.values_list("lead__external_id", flat=True)) == [
        "new", "x", "x", "y",
    ]  # fmt: skip


def test_equal_rows_in_one_file_are_as_many_contacts(write, source):
    path = write("id,text\nx,hello\nx,hello\nx,hello\n")
    for _ in range(2):
        run(path, "--source=Bot", "--external-id=id", "--message=text")
    assert Contact.objects.count() == 3
    assert Lead.objects.count() == 1


def test_row_of_the_default_source_and_its_spelt_out_twin_are_two_contacts(write, source):
    path = write("id,from\nx,\nx,Bot\n")
    out, _ = run(path, "--external-id=id", "--source-from=from", "--default-source=Bot")
    assert numbers(out)["imported"] == 2


def test_columns_not_mapped_make_no_difference(write, source):
    run(write("id,exported\nx,monday\n"), "--source=Bot", "--external-id=id")
    out, _ = run(write("id,exported\nx,tuesday\n"), "--source=Bot", "--external-id=id")
    assert numbers(out)["already there"] == 1


@pytest.mark.parametrize("args", [["--source={pk}"], ["--source-from=from"]])
def test_renamed_source_does_not_make_rows_new(write, source, args):
    path = write("id,from\nx,Bot\n")
    args = [arg.format(pk=source.pk) for arg in args]
    run(path, "--external-id=id", *args)
    update_source(source.pk, actor="test", name="Renamed")
    run(path, "--external-id=id", "--create-sources", *args)
    assert Contact.objects.count() == 1


def test_sources_by_column_are_created_if_wished(write):
    path = write("id,from\n1, Web form \n2,\n3,Web form\n4,Cafe\u0301\n")
    args = ("--external-id=id", "--source-from=from", "--default-source=unknown")
    out, _ = run(path, *args, "--create-sources")
    assert numbers(out)["imported"] == 4
    assert sorted(Source.objects.values_list("name", flat=True)) == [
        "Caf\u00e9", "Web form", "unknown",
    ]  # fmt: skip
    assert Source.objects.get(name="Web form").contacts.count() == 2


def test_unknown_source_rejects_the_row_alone(write, source):
    path = write("id,from\n1,Bot\n2,Nowhere\n3,\n4,Bot\n")
    out, _ = run(path, "--external-id=id", "--source-from=from")
    assert numbers(out) == {"imported": 2, "already there": 0, "rejected": 2, "total": 4}
    assert [(row["line"], row["id"]) for row in rejected(path)] == [("3", "2"), ("4", "3")]
    assert "no source named 'Nowhere'" in rejected(path)[0]["reason"]
    assert not Source.objects.filter(name="Nowhere").exists()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"x,nobody,,", "email"),
        (b",,,hello", "at least one of external_id, email, phone"),
        (b"x,,12,", "phone"),
        (b"x\x00y,,,", "external_id: Contains a control character U+0000"),
        (b"x,,,hidden \xe2\x80\xae", "message: Contains a bidirectional control"),
        (b"x,,," + b"m" * (MESSAGE_LENGTH + 1), "message"),
        (b"x" * 256 + b",,,", "external_id"),
        (b"x,,", "3 columns instead of 4"),
        (b"x,,,,,", "6 columns instead of 4"),
        (b"x,,,caf\xe9", "bytes that are not utf-8-sig"),
        (b'x,,,"a"b', "not CSV"),
    ],
)
def test_bad_row_is_written_out_and_stops_nothing(write, source, row, reason):
    path = write(b"id,mail,tel,text\ngood-1,,,\n" + row + b"\ngood-2,,,\n")
    args = ("--source=Bot", "--external-id=id", "--email=mail", "--phone=tel", "--message=text")
    out, _ = run(path, *args)
    assert numbers(out) == {"imported": 2, "already there": 0, "rejected": 1, "total": 3}
    target = path.with_name("leads.rejected.csv")
    assert str(target) in out
    with target.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        header, cells = csv.reader(file)
    assert header == ["id", "mail", "tel", "text", "line", "reason"]
    assert cells[4] == "3"
    assert reason in cells[5]
    if reason.startswith(("external_id", "message", "bytes")):
        assert row.split(b",")[-1] in target.read_bytes()


def test_open_quotation_mark_takes_no_more_than_its_record(write, source):
    path = write('id,text\ngood,\nbad,"never closed\nlost,\n')
    out, _ = run(path, "--source=Bot", "--external-id=id", "--message=text")
    assert numbers(out) == {"imported": 1, "already there": 0, "rejected": 1, "total": 2}
    assert "lines 3 to 4; is a quotation mark open?" in rejected(path)[0]["reason"]
    assert "lost" in rejected(path)[0]["id"]


def test_rejected_rows_can_be_imported_once_the_cause_is_gone(write, source):
    path = write("id,from\n1,Bot\n2,Later\n")
    args = ("--external-id=id", "--source-from=from")
    run(path, *args)
    SourceFactory(name="Later")
    out, _ = run(path.with_name("leads.rejected.csv"), *args)
    assert numbers(out)["imported"] == 1
    out, _ = run(path, *args)
    assert numbers(out) == {"imported": 0, "already there": 2, "rejected": 0, "total": 2}


def test_old_rejected_file_goes_when_nothing_is_rejected(write, source):
    path = write("id\nx\n")
    old = path.with_name("leads.rejected.csv")
    old.write_text("from an earlier run")
    out, _ = run(path, "--source=Bot", "--external-id=id")
    assert not old.exists()
    assert "leads.rejected.csv" not in out


def test_other_delimiter_and_encoding(write, source):
    path = write("имя;почта\nАня;demo@example.com\n", encoding="cp1251")
    run(path, "--source=Bot", "--email=почта", "--name=имя", "--delimiter=;", "--encoding=cp1251")
    assert Contact.objects.get().name == "Аня"
    tabs = write("id\tmail\nx\ty@example.com\n")
    run(tabs, "--source=Bot", "--email=mail", "--delimiter=tab")
    assert Contact.objects.count() == 2


def test_byte_order_mark_and_blank_lines_are_no_data(write, source):
    path = write("\ufeffid,text\r\n\r\nx,a\r\n\r\n")
    out, _ = run(path, "--source=Bot", "--external-id=id")
    assert numbers(out)["total"] == 1


def test_limits_hold_and_the_rest_waits(write, source):
    operator = WeightFactory(source=source, operator__max_load=3).operator
    out, _ = run(
        write("id\n" + "".join(f"{n}\n" for n in range(8))), "--source=Bot", "--external-id=id"
    )
    assert "assigned 3, waiting 5" in out
    assert "At their limit now: 1 of 1" in out
    operator.refresh_from_db()
    assert operator.current_load == 3
    assert_promises_kept()


def test_tells_who_got_what_of_this_run(write, source):
    one = WeightFactory(source=source, operator__name="Ann", operator__max_load=500, weight=3)
    WeightFactory(source=source, operator__name="Bob", operator__max_load=500, weight=1)
    WeightFactory(source=source, operator__name="Off", operator__is_active=False, weight=9)
    run(write("id\nearlier\n", name="other.csv"), "--source=Bot", "--external-id=id")
    out, _ = run(
        write("id\n" + "".join(f"{n}\n" for n in range(60))), "--source=Bot", "--external-id=id"
    )
    ann, bob = (re.search(rf"^ +{name} .*", out, re.M)[0].split() for name in ("Ann", "Bob"))
    assert ann[:4] == ["Ann", "3", "75.0", "%"]
    assert bob[:4] == ["Bob", "1", "25.0", "%"]
    assert int(ann[4]) + int(bob[4]) == 60
    assert (
        int(ann[4])
        == Contact.objects.filter(operator=one.operator, lead__external_id__lt="a").count()
    )
    assert "Off" not in out
    p = float(re.search(r"p = ([0-9.e-]+)", out)[1])
    assert 1e-6 < p <= 1


def test_dry_run_stores_nothing_and_finds_what_is_wrong(write):
    path = write("id,from\n1,New\n,New\n3,New\n")
    args = ("--external-id=id", "--source-from=from", "--create-sources", "--dry-run")
    out, _ = run(path, *args)
    assert numbers(out) == {"imported": 2, "already there": 0, "rejected": 1, "total": 3}
    assert "nothing was stored" in out
    assert path.with_name("leads.dry-run.rejected.csv").read_text().count("\n") == 2
    assert not Source.objects.exists()
    assert not Lead.objects.exists()
    assert not Contact.objects.exists()


def test_fail_on_rejected_comes_after_the_work(write, source):
    path = write("id,mail\n1,nobody\n2,\n")
    with pytest.raises(CommandError, match="Rejected rows: 1") as caught:
        run(path, "--source=Bot", "--external-id=id", "--email=mail", "--fail-on-rejected")
    assert caught.value.returncode == 1
    assert Contact.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "args", "message"),
    [
        ("id\nx\n", ["--source=Bot"], "at least one of --external-id, --email, --phone"),
        ("id\nx\n", ["--source=Bot", "--email=mail"], "no column 'mail'; its columns: id"),
        ("id,id\nx,y\n", ["--source=Bot", "--external-id=id"], "more than one column 'id'"),
        ("", ["--source=Bot", "--external-id=id"], "no header line"),
        ("id\nx\n", ["--source=Nowhere", "--external-id=id"], "no source 'Nowhere'"),
        ("id\nx\n", ["--source=9999", "--external-id=id", "--create-sources"], "no source '9999'"),
        ("id\n", ["--source=a\nb", "--external-id=id", "--create-sources"], "source: Contains"),
        (
            "id,from\nx,\n",
            ["--source-from=from", "--default-source=Nowhere", "--external-id=id"],
            "no source 'Nowhere'",
        ),
        ("id\nx\n", ["--source=Bot", "--default-source=Bot", "--external-id=id"], "--source-from"),
        ("id\nx\n", ["--source=Bot", "--external-id=id", "--delimiter=;;"], "one character"),
        ("id\nx\n", ["--source=Bot", "--external-id=id", "--encoding=nonsense"], "no encoding"),
        ("id\nx", ["--source=Bot", "--external-id=id", "--encoding=utf-16"], "is not utf-16"),
        ("id\n" + "x" * 2**21, ["--source=Bot", "--external-id=id"], "a line of more than"),
    ],
)  # fmt: skip
def test_file_that_cannot_be_read_is_said_so(write, source, text, args, message):
    with pytest.raises(CommandError, match=re.escape(message)) as caught:
        run(write(text), *args)
    assert caught.value.returncode == 1
    assert not Contact.objects.exists()


def test_rows_before_a_line_that_cannot_be_read_are_imported(write, source):
    path = write("id\nx\ny\n" + "z" * 2**21)
    with pytest.raises(CommandError, match="a line of more than"):
        run(path, "--source=Bot", "--external-id=id")
    assert Contact.objects.count() == 2


@pytest.mark.parametrize(("times", "stored"), [(1, 3), (2, 0)])
def test_ctrl_c_waits_for_the_count_and_a_second_one_for_nothing(
    times, stored, write, source, monkeypatch
):
    add = ContactImport.add

    def add_interrupted(self, rows):
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        return add(self, rows)

    monkeypatch.setattr(ContactImport, "add", add_interrupted)
    monkeypatch.setattr(import_contacts, "AT_ONCE", 3)
    path, err = write("id\n" + "".join(f"{n}\n" for n in range(9))), io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("import_contacts", str(path), "--source=Bot", "--external-id=id", stderr=err)
    assert ended.value.code == 130
    assert f"Interrupted at line 4: {stored} imported" in err.getvalue()  # of the lot's last row
    assert Contact.objects.count() == stored
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_that_is_ignored_stays_so(write, source, monkeypatch):
    """As shells do for a command with "&": the Ctrl-C is meant for somebody else."""
    add = ContactImport.add

    def add_interrupted(self, rows):
        signal.raise_signal(signal.SIGINT)
        return add(self, rows)

    monkeypatch.setattr(ContactImport, "add", add_interrupted)
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        path = write("id\n1\n2\n")
        call_command("import_contacts", str(path), "--source=Bot", "--external-id=id", "-v0")
    finally:
        signal.signal(signal.SIGINT, usual)
    assert Contact.objects.count() == 2


def test_long_rows_are_stored_in_small_lots(write, source, monkeypatch):
    lots = []
    add = ContactImport.add
    monkeypatch.setattr(
        ContactImport, "add", lambda self, rows: lots.append(len(rows)) or add(self, rows)
    )
    monkeypatch.setattr(import_contacts, "CHARACTERS_AT_ONCE", 2_000)
    path = write("id,text\n" + "".join(f"{n},{'m' * 900}\n" for n in range(7)))
    run(path, "--source=Bot", "--external-id=id", "--message=text")
    assert lots == [3, 3, 1]
    assert Contact.objects.count() == 7


def test_with_debug_no_statements_pile_up(write, source, settings, monkeypatch):
    settings.DEBUG = True
    kept, add = [], ContactImport.add
    monkeypatch.setattr(
        ContactImport,
        "add",
        lambda self, rows: kept.append(len(connection.queries)) or add(self, rows),
    )
    monkeypatch.setattr(import_contacts, "AT_ONCE", 2)
    run(write("id\n" + "".join(f"{n}\n" for n in range(6))), "--source=Bot", "--external-id=id")
    assert kept == [0, 0, 0]
    assert connection.queries  # they are kept, of the last lot


def test_missing_file(tmp_path, source):
    with pytest.raises(CommandError, match=r"Cannot read .*nothing\.csv: No such file"):
        run(tmp_path / "nothing.csv", "--source=Bot", "--external-id=id")


def test_silence_with_v0_leaves_the_result(write, source):
    out, err = run(write("id\nx\n"), "--source=Bot", "--external-id=id", "-v0")
    assert numbers(out)["imported"] == 1
    assert err == ""


class TestInterrupted:
    """The program itself, on the test's database."""

    pytestmark = pytest.mark.django_db(transaction=True)

    def start(self, path: Path) -> subprocess.Popen:
        command = ["import_contacts", path, "--source", "Bot", "--external-id", "id"]
        return subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=ROOT, env=environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def wait_for_contacts(self, process, number):
        give_up_at = time.monotonic() + 30
        while Contact.objects.count() < number:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < give_up_at
            time.sleep(0.02)

    @pytest.mark.slow
    @pytest.mark.slow_on_postgresql
    @pytest.mark.parametrize("how", every(2, [signal.SIGKILL, signal.SIGINT]))
    def test_runs_on_where_it_was_stopped(self, write, how):
        source = SourceFactory(name="Bot")
        WeightFactory(source=source, operator__max_load=2_000)
        path = write("id\n" + "".join(f"{n}\n" for n in range(ROWS)))
        process = self.start(path)
        self.wait_for_contacts(process, 20)
        process.send_signal(how)
        _, err = process.communicate(timeout=30)
        stored = Contact.objects.count()
        assert 20 <= stored < ROWS
        if how == signal.SIGINT:
            assert process.returncode == 130
            assert f": {stored} imported, 0 already there, 0 rejected." in err
            assert "Run the same command again" in err
            assert "Traceback" not in err
        out, _ = run(path, "--source=Bot", "--external-id=id")
        assert numbers(out) == {
            "imported": ROWS - stored, "already there": stored, "rejected": 0, "total": ROWS,
        }  # fmt: skip
        assert Contact.objects.count() == ROWS
        assert Operator.objects.get().current_load == 2_000
        assert_promises_kept()

    def connected(self):
        """Return who is connected to the database; what other tests share may be, for long."""
        with connection.cursor() as cursor:
            cursor.execute(  # autovacuum is there at times, too
                "SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = current_user"
            )
            return {pid for (pid,) in cursor}

    @pytest.mark.slow
    @pytest.mark.postgresql  # SQLite has no server to lose
    def test_lost_database_ends_with_a_word_and_runs_on(self, write):
        SourceFactory(name="Bot")
        path = write("id\n" + "".join(f"{n}\n" for n in range(ROWS)))
        others = self.connected()
        process = self.start(path)
        self.wait_for_contacts(process, 20)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM unnest(%s::integer[]) AS pid",
                [list(self.connected() - others)],
            )
        _, err = process.communicate(timeout=30)
        assert process.returncode == 1
        assert re.search(r"The database failed, rows done: \d+", err)
        assert "Run the same command again" in err
        assert "Traceback" not in err
        run(path, "--source=Bot", "--external-id=id")
        assert Contact.objects.count() == ROWS


def test_equal_rows_of_another_batch_are_contacts_of_their_own(write, source):
    options = ("--source=Bot", "--external-id=id")
    run(write("id\na\nb\n", name="may.csv"), *options)
    june = write("id\na\nc\n", name="june.csv")
    out, _ = run(june, *options)
    assert numbers(out)["imported"] == 2
    out, _ = run(june.rename(june.with_name("copy.csv")), *options, "--batch=june.csv")
    assert (numbers(out)["imported"], numbers(out)["already there"]) == (0, 2)
    assert Contact.objects.count() == 4


@pytest.mark.parametrize("create", [[], ["--create-sources"]])
def test_renaming_a_source_makes_no_known_row_new(write, source, create):
    path = write("id,bot\na,Bot\nb,Bot\n")
    options = ("--source-from=bot", "--external-id=id", *create)
    run(path, *options)
    update_source(source.pk, name="Renamed", actor="test")
    out, _ = run(path, *options)
    assert numbers(out) == {"imported": 0, "already there": 2, "rejected": 0, "total": 2}
    assert [found.name for found in Source.objects.all()] == ["Renamed"]


def test_a_dry_run_leaves_the_real_refusals_on_record(write, source):
    path = write("mail\nnonsense\n")
    options = ("--source=Bot", "--email=mail")
    run(path, *options)
    run(path, *options, "--dry-run")
    assert [row["mail"] for row in rejected(path)] == ["nonsense"]
    assert path.with_name("leads.dry-run.rejected.csv").exists()
