"""A batch of rows comes to what the same rows come to when they are posted one after the other."""

from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from distribution.models import Source
from distribution.services import update_operator
from distribution.tests.factories import SourceFactory, WeightFactory
from leads.models import Contact, IdempotencyRecord, Lead, LeadConflict
from leads.services import batches
from leads.services.import_sources import SourceFinder
from leads.services.imports import ContactImport
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import LeadFactory
from leads.tests.imported import OneByOne, crowded_world, import_rows, phone, random_rows, undone
from minicrm.tests.choosing import every

pytestmark = pytest.mark.django_db


def as_posted(rows, seed=0):
    """What the rows come to one by one."""
    rng = Random(seed)
    return undone(lambda: import_rows(rows, rng=rng, at_once=1, store=OneByOne(rng=rng)))


def in_batches(rows, at_once, seed=0):
    return undone(lambda: import_rows(rows, rng=Random(seed), at_once=at_once))


@pytest.mark.parametrize(
    "at_once",
    [
        pytest.param(1, marks=pytest.mark.slow_on_postgresql),
        9,
        pytest.param(1_000, marks=pytest.mark.slow_on_postgresql),
    ],
)
@pytest.mark.parametrize("seed", every(4, range(4)))
def test_comes_to_the_same_as_row_by_row(seed, at_once):
    crowded_world()
    rows = random_rows(Random(seed), 90)
    said, stored = as_posted(rows, seed)
    codes = {answer[0] for answer in said}
    assert {"source_not_found", "invalid_email", "invalid_phone", "lead_key_required"} <= codes
    assert len(stored["conflicts"]) > 3
    statuses = [contact[3] for contact in stored["contacts"]]
    assert min(statuses.count("waiting"), statuses.count("assigned")) > 10
    assert in_batches(rows, at_once, seed) == (said, stored)


def test_recognises_rows_in_the_middle_as_row_by_row_does():
    crowded_world()
    rows = random_rows(Random(7), 60)
    import_rows(rows[10:30], rng=Random(1), at_once=20)
    said, stored = as_posted(rows)
    assert [answer[0] for answer in said].count(True) > 5
    assert in_batches(rows, 50) == (said, stored)


def test_a_lead_gets_its_keys_row_by_row_within_a_batch():
    SourceFactory(name="Bot")
    keys = [
        {"external_id": "a"},
        {"external_id": "b", "phone": phone(1)},
        {"external_id": "a", "email": "a@example.com", "name": "Demo A"},
        {"email": "a@example.com", "phone": phone(1)},  # a conflict: of a, and of b
        {"email": "a@example.com", "external_id": "c", "name": "Demo C"},  # c is nobody's
        {"external_id": "c"},
    ]
    import_rows([row | {"source": "Bot"} for row in keys], rng=Random(1), at_once=10)
    leads = Lead.objects.order_by("pk").values_list("external_id", "email", "phone", "name")
    assert list(leads) == [
        ("a", "a@example.com", None, "Demo A"),
        ("b", None, phone(1), ""),
        ("c", None, None, ""),
    ]
    owners = Contact.objects.order_by("pk").values_list("lead__external_id", flat=True)
    assert list(owners) == ["a", "b", "a", "a", "a", "c"]
    conflict = LeadConflict.objects.get()
    assert (conflict.lead.external_id, conflict.other_lead.external_id) == ("a", "b")


def test_a_source_that_is_gone_refuses_its_rows_alone():
    kept, gone = SourceFactory(name="Kept"), SourceFactory(name="Gone")
    contacts = ContactImport(SourceFinder(fixed=None, default=None, create=False), batch="b")
    contacts._sources.find("Gone")
    Source.objects.filter(pk=gone.pk).delete()
    names = ["Kept", "Gone", "Kept"]
    rows = [{"source": name, "external_id": f"{n}"} for n, name in enumerate(names)]
    one, refused, other = contacts.add(rows)
    assert (refused.code, refused.field) == ("source_not_found", "source_id")
    assert [one.receipt["source_id"], other.receipt["source_id"]] == [kept.pk, kept.pk]
    assert set(Lead.objects.values_list("external_id", flat=True)) == {"0", "2"}
    assert IdempotencyRecord.objects.count() == 2


def crowd(count):
    """Rows of which each does all that a row may do."""
    for n in range(count):
        yield {"source": "Bot", "external_id": f"new-{n}", "name": "Demo"}
        yield {"source": "Bot", "external_id": f"known-{n}", "email": f"filled-{n}@example.com"}
        yield {"source": "Nobody", "external_id": f"known-{n}", "phone": f"+44207946{n:04}"}


def leads_to_meet(count):
    """The leads that these rows know, fill in, and are in conflict with."""
    for n in range(count):
        LeadFactory(external_id=f"known-{n}")
        LeadFactory(external_id=None, phone=f"+44207946{n:04}")


def test_as_many_statements_for_a_hundred_rows_as_for_three():
    source = SourceFactory(name="Bot")
    for _ in range(5):
        WeightFactory(source=source, operator__max_load=1_000)
    SourceFactory(name="Nobody")
    counts = []
    for number, rows in ((1, 1), (2, 40)):
        leads_to_meet(rows)
        contacts = ContactImport(
            SourceFinder(fixed=None, default=None, create=False), batch=f"{number}", rng=Random(1)
        )
        contacts.add([{"source": "Nobody", "external_id": f"{number}"}])  # from now on it is held
        contacts.add([{"source": "Bot", "external_id": f"{number}"}])
        with CaptureQueriesContext(connection) as queries:
            contacts.add(list(crowd(rows)))
        assert Contact.objects.filter(source__name="Bot").latest("pk").status == "assigned"
        counts.append(len(queries))
        LeadConflict.objects.all().delete()
        Contact.objects.all().delete()
        Lead.objects.all().delete()
    assert counts[0] == counts[1] <= 22


# Places ---------------------------------------------------------------------------------------


def ids(count, source="Bot"):
    return [{"source": source, "external_id": f"lead-{n}"} for n in range(count)]


def test_places_that_are_gone_meanwhile_go_to_nobody(monkeypatch):
    """Somebody takes a place between the draw and the end; then all is done again, under locks."""
    weight = WeightFactory(source__name="Bot", operator__max_load=5)
    write = batches.write_contacts

    def taken_meanwhile(*args, **kwargs):
        monkeypatch.setattr(batches, "write_contacts", write)
        written = write(*args, **kwargs)
        update_operator(weight.operator_id, max_load=4, actor="test")
        return written

    monkeypatch.setattr(batches, "write_contacts", taken_meanwhile)
    # The change is rolled back with the batch; so it is made again.
    store = batches._store

    def stored(rows, way, *args, **kwargs):
        try:
            return store(rows, way, *args, **kwargs)
        except batches.PlacesTaken:
            update_operator(weight.operator_id, max_load=4, actor="test")
            raise

    monkeypatch.setattr(batches, "_store", stored)
    said = import_rows(ids(5), rng=Random(1), at_once=5)
    assert [one.receipt["status"] for one in said] == ["assigned"] * 4 + ["waiting"]
    assert Contact.objects.count() == 5
    assert_promises_kept()


def test_whoever_has_to_run_again_draws_the_same_again(monkeypatch):
    """Else an operator whose places are gone at times would get less than their share."""
    source = SourceFactory(name="Bot")
    for weight in (1, 2, 3):
        WeightFactory(source=source, weight=weight, operator__max_load=100)
    expected, _ = in_batches(ids(50), 50, seed=5)
    drawn = []
    write = batches.write_contacts

    def too_late(rows, lead_ids, claims, **kwargs):
        drawn.append([claim.operator_id for claim in claims])
        if len(drawn) == 1:
            raise batches.PlacesTaken
        return write(rows, lead_ids, claims, **kwargs)

    monkeypatch.setattr(batches, "write_contacts", too_late)
    said, _ = in_batches(ids(50), 50, seed=5)
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 3
    assert said == expected


def test_nobody_waits_whose_source_somebody_becomes_free_for_between_two_batches():
    weight = WeightFactory(source__name="Bot", operator__max_load=1)
    contacts = ContactImport(
        SourceFinder(fixed=None, default=None, create=False), batch="b", rng=Random(1)
    )
    contacts.add(ids(2))
    update_operator(weight.operator_id, max_load=5, actor="test")
    more = [{"source": "Bot", "external_id": f"more-{n}"} for n in range(4)]
    statuses = [one.receipt["status"] for one in contacts.add(more)]
    assert statuses == ["assigned"] * 3 + ["waiting"]
    assert_promises_kept()


def test_holds_a_source_only_while_it_is_full():
    """Whoever closes one of its contacts waits for it."""
    weight = WeightFactory(source__name="Bot", operator__max_load=1)
    contacts = ContactImport(
        SourceFinder(fixed=weight.source, default=None, create=False), batch="b", rng=Random(1)
    )
    counts = []
    for number, limit in enumerate((1, 1, 50, 50)):
        update_operator(weight.operator_id, max_load=limit, actor="test")
        with CaptureQueriesContext(connection) as queries:
            contacts.add([{"external_id": f"{number} {n}"} for n in range(3)])
        texts = [one["sql"] or "" for one in queries]
        asked = [text for text in texts if 'SELECT "distribution_source"."id" AS "pk"' in text]
        counts.append(len(asked))
    assert counts == [1, 1, 1, 0]


def test_first_come_first_served_within_a_batch():
    WeightFactory(source__name="Bot", operator__max_load=3)
    import_rows(ids(8), rng=Random(1), at_once=8)
    served = Contact.objects.order_by("pk").values_list("lead__external_id", "status")
    assert list(served) == [(f"lead-{n}", "assigned" if n < 3 else "waiting") for n in range(8)]
