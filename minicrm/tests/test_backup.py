"""backup: what is in the file, where it lies, and that nobody waits for it."""

import json
import resource
import secrets
import stat
import subprocess
import sys
from datetime import datetime

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from distribution.models import ApiKey, Operator
from distribution.tests.factories import OperatorFactory
from leads.models import Contact, Lead
from leads.tests.factories import WaitingContactFactory
from minicrm.backups import tables, write_backup
from minicrm.backups.files import written_whole
from minicrm.tests.archives import manifest_of, table_rows
from minicrm.tests.backup_world import NAME, backup, make_world
from minicrm.tests.server import ROOT, environment

pytestmark = pytest.mark.django_db(transaction=True)


def manage(*arguments, extra=(), **options):
    command = [sys.executable, "manage.py", *arguments]
    env = environment(**dict(extra))
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, **options)


def test_holds_everything_but_sessions(tmp_path):
    make_world()
    said = backup(tmp_path / "all.tar.gz")
    rows = table_rows(tmp_path / "all.tar.gz")
    models = {
        model._meta.label_lower: model for model in apps.get_models(include_auto_created=True)
    }
    left_out = {name for name in models if name.split(".")[0] in ("sessions", "axes")}
    assert rows.keys() == models.keys() - left_out
    assert "sessions.session" in left_out
    for name, found in rows.items():
        assert len(found) == models[name]._base_manager.count(), name
    filled = {name for name, found in rows.items() if found}
    assert {"auth.user_groups", "auth.user_user_permissions", "admin.logentry"} <= filled
    assert {"leads.idempotencyrecord", "distribution.auditevent"} <= filled
    assert rows["distribution.operator"][0]["name"] == NAME
    assert rows["distribution.apikey"][0]["digest"] == ApiKey.objects.get().digest
    total = sum(len(found) for found in rows.values())
    assert f"({total:,} rows," in said


def test_only_its_owner_reads_it(tmp_path):
    backup(tmp_path / "a.tar.gz")
    assert stat.S_IMODE((tmp_path / "a.tar.gz").stat().st_mode) == 0o600
    call_command("backup", folder=tmp_path / "new", verbosity=0)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_notes_the_last_one_for_the_metrics(settings, tmp_path):
    before = timezone.now()
    call_command("backup", verbosity=0)
    (path,) = (settings.DATA_DIR / "backups").iterdir()
    noted = json.loads((settings.DATA_DIR / "last_backup.json").read_text())
    assert before <= datetime.fromisoformat(noted.pop("time")) <= timezone.now()
    rows = sum(table["rows"] for table in manifest_of(path)["tables"].values())
    assert noted == {"file": str(path), "rows": rows, "bytes": path.stat().st_size}


class Meanwhile:
    """Called while a backup is written, after its first row: changes what is yet to be read."""

    def __init__(self, change):
        self.change, self.called = change, False

    def __call__(self, done, total):
        if not self.called:
            self.called = True
            self.change()


def test_is_of_one_moment_and_keeps_nobody_from_writing(tmp_path):
    """Every row that is written meanwhile belongs to a later moment, all of them or none."""
    operator, kept = OperatorFactory(name="As it was"), WaitingContactFactory()

    def change():
        WaitingContactFactory.create_batch(3)
        Operator.objects.update(name="Later")
        Contact.objects.filter(pk=kept.pk).update(message="Later")

    meanwhile = Meanwhile(change)
    with (tmp_path / "a.tar.gz").open("wb") as out:
        write_backup(out, advance=meanwhile)
    assert meanwhile.called
    assert Contact.objects.count() == 4
    rows = table_rows(tmp_path / "a.tar.gz")
    assert [(row["id"], row["name"]) for row in rows["distribution.operator"]] == [
        (operator.pk, "As it was")
    ]
    assert [(row["id"], row["message"]) for row in rows["leads.contact"]] == [(kept.pk, "")]
    assert len(rows["leads.lead"]) == 1


def test_refuses_a_database_of_another_version(tmp_path):
    """A newer one has columns that this version would leave out without a word."""
    recorder = MigrationRecorder(connection)
    recorder.record_applied("leads", "0999_newer")
    try:
        with pytest.raises(CommandError, match=r"it has in addition leads\.0999_newer") as caught:
            backup(tmp_path / "a.tar.gz")
        assert "Use the version that belongs to it" in str(caught.value)
        assert list(tmp_path.iterdir()) == []
    finally:
        recorder.record_unapplied("leads", "0999_newer")


def test_reads_page_by_page(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "PAGE_ROWS", 3)
    OperatorFactory.create_batch(6)  # two full pages, and an empty one
    WaitingContactFactory.create_batch(7)
    backup(tmp_path / "a.tar.gz")
    rows = table_rows(tmp_path / "a.tar.gz")
    for name, model in (("distribution.operator", Operator), ("leads.contact", Contact)):
        assert [row["id"] for row in rows[name]] == sorted(
            model.objects.values_list("pk", flat=True)
        )


def test_keeps_the_newest_of_its_own(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    others = ["minicrm-20200101T000000Z.tar.gz.age", "minicrm.tar.gz", "notes.txt"]
    old = [f"minicrm-2020010{day}T000000Z.tar.gz" for day in range(1, 5)]
    for name in others + old:
        (folder / name).touch()
    call_command("backup", folder=folder, keep=3, verbosity=0)
    left = sorted(path.name for path in folder.iterdir())
    new = set(left) - set(others) - set(old)
    assert len(new) == 1
    assert set(left) - new == {*others, *old[-2:]}


def test_an_old_one_that_cannot_be_removed_does_not_make_the_new_one_bad(tmp_path):
    folder = tmp_path / "kept"
    stuck, old = (folder / f"minicrm-2020010{day}T000000Z.tar.gz" for day in (1, 2))
    stuck.mkdir(parents=True)  # even the system's administrator cannot unlink a folder
    old.touch()
    with pytest.raises(CommandError) as caught:
        call_command("backup", folder=folder, keep=1, verbosity=0)
    told = str(caught.value)
    assert caught.value.returncode == 1
    assert told.startswith("The backup is written, but old ones are not removed: ")
    assert str(stuck) in told
    assert "\n" not in told
    (new,) = (path for path in folder.iterdir() if path != stuck)
    call_command("backup", verify=new, verbosity=0)


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "a.tar.gz").write_text("the one before")

    def fail(row):
        raise OperationalError("the server is gone")

    monkeypatch.setattr("minicrm.backups.writing.row_as_line", fail)
    with pytest.raises(CommandError, match="database failed: the server is gone") as caught:
        backup(tmp_path / "a.tar.gz")
    assert caught.value.returncode == 1
    assert [path.read_text() for path in tmp_path.glob("*.gz*")] == ["the one before"]
    assert not (tmp_path / "last_backup.json").exists()


@pytest.mark.slow
@pytest.mark.slow_on_postgresql
def test_a_full_disk_is_told_plainly(tmp_path):
    make_world()

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    # Else it would leave half of what it compiles behind, for everybody who comes after it.
    extra = {"PYTHONDONTWRITEBYTECODE": "1"}
    done = manage("backup", "--folder", str(tmp_path / "new"), extra=extra, preexec_fn=limit)
    assert done.returncode == 1
    assert done.stderr.decode().startswith("CommandError: No backup was written to ")
    assert done.stderr.decode().endswith("tar.gz: File too large.\n")
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.slow
@pytest.mark.slow_on_postgresql
@pytest.mark.parametrize("leads", [0, 1_000], ids=["fits into a buffer", "does not"])
def test_a_full_disk_behind_a_pipe_is_told_plainly(leads):
    Lead.objects.bulk_create(Lead(name=secrets.token_hex(60)) for _ in range(leads))
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "manage.py", "backup", "-"]
        buffered = environment(PYTHONUNBUFFERED="")
        piped = subprocess.run(command, cwd=ROOT, env=buffered, stdout=full, stderr=subprocess.PIPE)
    told = b"CommandError: No backup was written to standard output: No space left on device.\n"
    assert (piped.returncode, piped.stderr) == (1, told)


@pytest.mark.slow
def test_through_a_pipe(tmp_path):
    make_world()
    done = manage("backup", "-", check=True)
    (tmp_path / "piped.tar.gz").write_bytes(done.stdout)
    backup(tmp_path / "file.tar.gz")
    tables = manifest_of(tmp_path / "file.tar.gz")["tables"]
    assert manifest_of(tmp_path / "piped.tar.gz")["tables"] == tables
    assert b"Backup written: -" in done.stderr


@pytest.mark.parametrize("name", ["minicrm-20200101T000000Z.tar.gz", "some.name", "all"])
def test_takes_away_what_a_killed_one_left(tmp_path, name):
    others = tmp_path / f".{name}.0123456789abcdef.part"
    others.touch()
    with written_whole(tmp_path / name):
        (draft,) = set(tmp_path.iterdir()) - {others}
    (tmp_path / name).unlink()
    draft.touch()  # the name that it had, and nobody at it
    backup(tmp_path / "new")
    assert not draft.exists()
    assert others.exists()


def test_leaves_alone_what_another_one_writes(tmp_path):
    with written_whole(tmp_path / "other.tar.gz") as file:
        call_command("backup", folder=tmp_path, verbosity=0)
        file.write(b"whole")
    assert (tmp_path / "other.tar.gz").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a", "--folder", "b"], "Give one of FILE, --folder and --verify."),
        (["a", "--keep", "2"], "--keep goes with --folder."),
        (["--keep", "0"], "must be at least 1"),
    ],
)
def test_refuses_arguments_that_contradict(arguments, told):
    with pytest.raises(CommandError, match=told):
        call_command("backup", *arguments)
