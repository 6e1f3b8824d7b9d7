"""A backup that is damaged, made up or wrong is refused, and nothing is changed."""

import pytest
from django.core.management import CommandError, call_command

from distribution.tests.factories import OperatorFactory
from minicrm.tests.archives import members, with_rows, write_archive
from minicrm.tests.backup_world import backup, make_world, restore, state

pytestmark = pytest.mark.django_db(transaction=True)
ANYWAY = {"replace": True, "yes": True}


@pytest.fixture
def archive(tmp_path):
    """A backup of a world."""
    make_world()
    backup(tmp_path / "good.tar.gz")
    return tmp_path / "good.tar.gz"


def flip(path, target):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(data)


def cut(path, target):
    target.write_bytes(path.read_bytes()[:-100])


def cut_long_before_the_end(path, target):
    target.write_bytes(path.read_bytes()[:500])


def append(path, target):
    target.write_bytes(path.read_bytes() + b"more")


def no_archive(path, target):
    target.write_text("id,name\n1,One\n")


def empty(path, target):
    target.touch()


def change_a_row(path, target):
    content = members(path)
    name = "tables/distribution.operator/000001.jsonl"
    write_archive(
        target, content | {name: content[name].replace(b'"max_load":10', b'"max_load":11')}
    )


def leave_out_a_row(path, target):
    content = members(path)
    name = "tables/leads.contact/000001.jsonl"
    write_archive(target, content | {name: content[name].split(b"\n", 1)[1]})


def leave_out_a_table(path, target):
    content = members(path)
    del content["tables/leads.contact/000001.jsonl"]
    write_archive(target, content)


def leave_out_the_manifest(path, target):
    content = members(path)
    del content["manifest.json"]
    write_archive(target, content)


def no_manifest(path, target):
    write_archive(target, members(path) | {"manifest.json": b'{"tables": []}'})


def another_format(path, target):
    write_archive(target, members(path) | {"format.json": b'{"format": 2}'})


def another_archive(path, target):
    write_archive(target, {"notes.txt": b"hello"})


def a_path_out_of_it(path, target):
    write_archive(target, members(path) | {"../../evil": b"x"})


def a_full_path(path, target):
    write_archive(target, members(path) | {"/tmp/evil": b"x"})


def a_link(path, target):
    write_archive(target, members(path), link="tables/leads.contact/000001.jsonl")


DAMAGED = {
    flip: "damaged",
    cut: "cut off",
    cut_long_before_the_end: "cut off",
    append: "damaged",
    no_archive: "damaged, or no backup",
    empty: "damaged, or no backup",
    change_a_row: "table distribution.operator is damaged",
    leave_out_a_row: "table leads.contact is damaged",
    leave_out_a_table: "table leads.contact is missing in the archive",
    leave_out_the_manifest: "there is no manifest",
    no_manifest: "manifest is damaged",
    another_format: "its format is 2, and this version reads format 1",
    another_archive: "no backup of Mini-CRM",
    a_path_out_of_it: "it holds '../../evil'",
    a_full_path: "it holds '/tmp/evil'",
    a_link: "no backup of Mini-CRM",
}


def test_refuses_every_kind_of_damage(archive, tmp_path):
    before = state(tmp_path)
    for damage, told in DAMAGED.items():
        bad = tmp_path / "bad.tar.gz"
        bad.unlink(missing_ok=True)
        damage(archive, bad)
        with pytest.raises(CommandError) as refused:
            restore(bad, **ANYWAY)
        assert told in str(refused.value), damage.__name__
        assert "The data in the database is as it was." in str(refused.value)
        with pytest.raises(CommandError) as noticed:
            call_command("backup", verify=bad)
        assert told in str(noticed.value), damage.__name__
    assert state(tmp_path) == before
    assert not (tmp_path.parent / "evil").exists()


def orphan(rows):
    return [row | {"lead_id": 10**6} for row in rows]


def doubled(rows):
    return [*rows, rows[0]]


def another_column(rows):
    return [row | {"colour": "red"} for row in rows]


def missing_column(rows):
    return [{name: row[name] for name in row if name != "status"} for row in rows]


def wrong_type(rows):
    return [row | {"created_at": "yesterday"} for row in rows]


def against_a_check(rows):
    return [row | {"status": "assigned", "operator_id": None} for row in rows]


def no_object(rows):
    return [1]


MISFITS = (
    orphan, doubled, another_column, missing_column, wrong_type, against_a_check, no_object
)  # fmt: skip


def test_rows_that_do_not_fit_leave_everything_as_it_was(archive, tmp_path):
    """The archive is whole, and what it says is wrong: only the database notices."""
    OperatorFactory(name="Kept")
    before = state(tmp_path)
    for change in MISFITS:
        content = with_rows(members(archive), "leads.contact", change)
        bad = write_archive(tmp_path / "bad.tar.gz", content)
        with pytest.raises(CommandError, match=r"leads[._]contact") as caught:
            restore(bad, **ANYWAY)
        assert "The data in the database is as it was." in str(caught.value)
        assert "two\\nlines" not in str(caught.value), "an error shows what somebody wrote"
        assert state(tmp_path) == before, change.__name__
