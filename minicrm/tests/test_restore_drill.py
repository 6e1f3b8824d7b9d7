"""The drill: back up under traffic, restore elsewhere, and compare with what clients were told."""

import subprocess
import sys
import time

import pytest
from django.utils import timezone

from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory, make_key
from leads.models import Contact
from leads.tests.factories import LeadFactory
from minicrm.tests.archives import manifest_of, table_rows
from minicrm.tests.backup_world import backup, make_world, restore
from minicrm.tests.drill import Crowd, all_contacts, call, command, fresh_database, moment
from minicrm.tests.server import ROOT, database_url, environment, running_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ACCESS = {"API_RATE_LIMIT": "off", "LOG_LEVEL": "WARNING"}


def manage(*arguments, url, **options):
    """Run a command on a database; fail with what it said unless it succeeds."""
    env = environment(DATABASE_URL=url, **ACCESS)
    done = subprocess.run(
        command(*arguments), cwd=ROOT, env=env, capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def make_shop():
    """Two sources; one has room for all, of the other some contacts wait. Return their ids."""
    ample, busy = SourceFactory(), SourceFactory()
    for limit, source in ((100_000, ample), (100_000, ample), (3, busy), (2, busy)):
        WeightFactory(source=source, operator=OperatorFactory(max_load=limit))
    return [ample.pk, busy.pk]


def make_history(count, *, source_id):
    """Store so many contacts of long ago, that a backup of them takes its time."""
    common = {"lead": LeadFactory(), "source_id": source_id, "status": "closed"}
    common |= {"created_at": timezone.now(), "closed_at": timezone.now()}
    Contact.objects.bulk_create(
        [Contact(payload={"n": number}, **common) for number in range(count)], batch_size=500
    )


@pytest.mark.parametrize(
    ("answers", "history"),
    [(60, 0), pytest.param(600, 20_000, marks=pytest.mark.thorough)],
)
@pytest.mark.slow_on_postgresql
def test_what_was_acknowledged_before_the_backup_is_restored(answers, history, tmp_path):
    sources, token = make_shop(), make_key(can_manage=True)
    make_history(history, source_id=sources[0])
    archive = tmp_path / "drill.tar.gz"
    with running_server(**ACCESS) as server:
        crowd = Crowd(server, token, sources)
        with crowd.working(4):
            began = time.time()
            crowd.wait_for(answers, seconds=60)
            before = time.time()
            manage("backup", str(archive), url=database_url())
            after = time.time()
            crowd.wait_for(len(crowd.sent) + 10, seconds=60)
    assert crowd.wrong == []
    manifest = manifest_of(archive)
    moment_of_it = moment(manifest["created_at"])

    with fresh_database(tmp_path) as url:
        started = time.time()
        said = manage("restore", str(archive), url=url)
        restored_in = time.time() - started
        assert "No differences. Operators checked: 4." in said
        assert "Nothing to do." in manage("assign_waiting", url=url)
        with running_server(DATABASE_URL=url, **ACCESS) as server:
            promised = check_contacts(server, token, crowd, moment_of_it, history)
            check_replays(server, token, promised)
            check_that_it_goes_on(server, token, sources)

    figures = {
        "contacts sent": len(crowd.sent),
        "acknowledged before the backup": len(promised),
        "rows": sum(table["rows"] for table in manifest["tables"].values()),
        "archive bytes": archive.stat().st_size,
        "backup s": round(after - before, 1),
        "restore s": round(restored_in, 1),
        "posts/s before": round(crowd.rate(began, before)),
        "posts/s during": round(crowd.rate(before, after)),
    }
    sys.stderr.write(f"{figures}\n")  # shown with -s, and when it fails
    assert len(promised) < len(crowd.sent), "nothing was sent after the backup: a weak drill"


def check_contacts(server, token, crowd, moment_of_it, history):
    """Compare the contacts with what was sent; return what was promised before the backup."""
    sent = {told.body["message"]: told for told in crowd.sent}
    found, old = {}, 0
    for contact in all_contacts(server, token):
        if contact["message"]:
            assert contact["message"] not in found, "a contact is there twice"
            found[contact["message"]] = contact
        else:
            old += 1
    assert old == history
    assert found.keys() <= sent.keys(), "a contact was never sent"
    promised = [told for told in crowd.sent if told.answer and told.at < moment_of_it]
    assert len(promised) > 20
    assert any(told.answer["status"] == "waiting" for told in promised), (
        "nobody waited: a weak drill"
    )
    for told in promised:
        contact = found[told.body["message"]]
        same = ("id", "lead_id", "source_id", "created_at", "payload")
        assert [contact[name] for name in same] == [
            (told.answer | told.body)[name] for name in same
        ]
        if told.closed_at and told.closed_at < moment_of_it:
            assert contact["status"] == "closed", "a close that was acknowledged is lost"
    return promised


def check_replays(server, token, promised):
    """Every request that was answered before gets that answer again, and does nothing."""
    client = server.connect()
    for told in promised:
        status, answer, headers = call(client, "POST", "contacts/", token, told)
        assert (status, answer) == (201, told.answer)
        assert headers["Idempotency-Replayed"] == "true"
    client.close()


def check_that_it_goes_on(server, token, sources):
    """New contacts get new numbers; everything that is lost can be sent again."""
    highest = max(contact["id"] for contact in all_contacts(server, token))
    answers = server.post_all(
        "/api/v1/contacts/",
        token,
        [{"source_id": sources[n % 2], "external_id": f"later-{n}"} for n in range(10)],
        connections=2,
    )
    assert [answer["status"] for answer in answers] == [201] * 10
    assert len({answer["body"]["id"] for answer in answers}) == 10
    assert min(answer["body"]["id"] for answer in answers) > highest


def sorted_rows(path):
    """Return the rows of every table; what differs in JSON alone does not differ here."""
    return {
        table: sorted(rows, key=lambda row: row["id"]) for table, rows in table_rows(path).items()
    }


@pytest.mark.postgresql
def test_from_postgresql_to_sqlite_and_back(tmp_path):
    make_world()
    backup(tmp_path / "first.tar.gz")
    url = f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}"
    manage("restore", str(tmp_path / "first.tar.gz"), url=url)
    manage("backup", str(tmp_path / "second.tar.gz"), url=url)
    assert sorted_rows(tmp_path / "second.tar.gz") == sorted_rows(tmp_path / "first.tar.gz")
    restore(tmp_path / "second.tar.gz", replace=True, yes=True)
    backup(tmp_path / "third.tar.gz")
    first, second, third = (
        manifest_of(tmp_path / f"{name}.tar.gz") for name in ("first", "second", "third")
    )
    assert third["tables"] == first["tables"] == second["tables"]
    assert (first["database"], second["database"]) == ("postgresql", "sqlite")


@pytest.mark.postgresql
@pytest.mark.thorough
def test_an_installation_grows_from_sqlite_to_postgresql(tmp_path):
    small, back = (f"sqlite:///{tmp_path / name}.sqlite3" for name in ("small", "back"))
    manage("migrate", url=small)
    manage("seed_demo", "--contacts", "2000", url=small)
    with fresh_database(tmp_path) as large:
        databases = (("1", small), ("2", large), ("3", back))
        for number, url in databases:
            if number > "1":
                manage("restore", str(tmp_path / f"{int(number) - 1}.tar.gz"), url=url)
                assert "Nothing to do." in manage("assign_waiting", url=url)
            manage("backup", str(tmp_path / f"{number}.tar.gz"), url=url)
    one, two, three = (tmp_path / f"{number}.tar.gz" for number in (1, 2, 3))
    assert sorted_rows(one) == sorted_rows(two) == sorted_rows(three)
    assert len(sorted_rows(one)["leads.contact"]) == 2000
