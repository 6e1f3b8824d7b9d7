"""An import and what else happens at the same moment: real connections, real processes."""

import csv
import re
from collections import Counter
from functools import partial
from random import Random

import pytest

from distribution import selection
from distribution.models import Operator
from distribution.services import update_operator
from distribution.tests.concurrency import run_together
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from distribution.tests.interleaving import interleave
from leads.identity import LeadKeys
from leads.models import Contact, IdempotencyRecord, Lead
from leads.services import ContactRequest, close_contact, merge_leads, register_contact
from leads.services.batch_contacts import Row
from leads.services.batches import RowStore
from leads.services.idempotency import IMPORT_SCOPE, Once
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import LeadFactory
from leads.tests.imported import start_import
from leads.tests.moves import MOVES
from leads.tests.pairs import Pair
from minicrm.tests.choosing import every

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.usefixtures("no_deadlocks"),
]


def row(source_id, keys, *, name="row", message=""):
    request = ContactRequest(source_id, message=message, **keys)
    return Row(request, LeadKeys(**keys), Once(IMPORT_SCOPE, f"{name}:1", name))


def stored(rows):
    """A job that stores rows as an import does."""
    return partial(RowStore(actor="import", rng=Random(1)).store, rows)


# Moves, statement by statement ----------------------------------------------------------------


def import_(world, side, role):
    """Two rows of S, and between them one of another source if there is one."""
    names = "STS" if "T" in world.sources else "SS"
    return stored(
        [
            row(
                world.sources[name],
                {"external_id": f"caller {(side + number) % 3}"},
                name=f"{role} {number}",
                message=f"{role} {number}",
            )
            for number, name in enumerate(names)
        ]
    )


OTHERS = [
    ("full", "register", 0),
    ("full", "close", 0),
    ("full", "switch on", 0),
    ("full", "weight from 0", 0),
    ("full", "reassign to V", 0),
    ("room", "register", 1),
    ("room", "lower limit", 1),
    ("room", "reopen", 0),
    ("room", "reassign", 0),
    ("room", "source off", 0),
    ("room", "import", 0),
    ("full", "import", 1),
    ("queue", "raise limit", 0),
    ("queue", "requeue", 0),
    ("queue", "take next for V", 0),
    ("queue", "replace weights", 0),
    ("shared", "source on", 0),
    ("shared", "close", 1),
    ("shared", "switch off, requeue", 0),
    ("shared", "drain", 0),
]


@pytest.fixture
def meet(workers, monkeypatch):
    """Two workers without dice, so that equal histories come to equal results."""
    monkeypatch.setattr(selection, "pick", lambda candidates, rng: candidates[0])
    monkeypatch.setitem(MOVES, "import", import_)
    return lambda pair: pair.explore(workers)


@pytest.mark.parametrize(("world", "other", "side"), every(7, OTHERS, several=True))
def test_an_import_and_a_move_come_to_what_they_come_to_one_after_the_other(
    world, other, side, meet
):
    assert meet(Pair(world, ("import", 0), (other, side))) > 1
    assert meet(Pair(world, (other, side), ("import", 0))) > 1


@pytest.mark.postgresql
@pytest.mark.parametrize("move", ["register", "close"])
def test_nobody_has_to_wait_while_a_batch_is_written(move, workers):
    """Not before its end, where it takes its places; and sources that are not full it leaves."""
    source_id = WeightFactory(operator__max_load=1_000).source_id
    passed = Counter()
    for stop_at in range(1, 100):
        post = ContactRequest(source_id, external_id=f"somebody else {stop_at}")
        posted = partial(register_contact, post, actor="test")
        job = (
            posted
            if move == "register"
            else partial(close_contact, posted().receipt["id"], actor="test")
        )
        names = [f"{stop_at} {n}" for n in range(3)]
        batch = stored([row(source_id, {"external_id": name}, name=name) for name in names])
        ran = interleave((batch, job), workers, stop_at=stop_at)
        if ran.stopped_before is None:
            break
        assert not ran.second_waited or ran.stopped_before == "COMMIT", str(ran)
        passed[ran.stopped_before.split()[0]] += 1
    assert passed["INSERT"] == 4
    assert passed["UPDATE"] == passed["COMMIT"] == 1
    assert_promises_kept()


# Leads, statement by statement ----------------------------------------------------------------

ONE, TWO = "+442079460001", "+442079460002"


class People:
    """A source with places; leads a and b, of whom m was merged into b."""

    def __init__(self):
        Contact.objects.all().delete()
        Lead.objects.filter(merged_into__isnull=False).delete()
        Lead.objects.all().delete()
        IdempotencyRecord.objects.all().delete()
        Operator.objects.all().delete()
        self.source_id = WeightFactory(operator__max_load=100).source_id
        self.a, self.b = LeadFactory(external_id="a"), LeadFactory(external_id="b")
        LeadFactory(external_id="m", merged_into=self.b)

    def rows(self, *keys, name):
        return [row(self.source_id, one, name=f"{name} {n}") for n, one in enumerate(keys)]


BATCH = (
    {"external_id": "new", "email": "new@example.com"},
    {"external_id": "a", "phone": ONE},
    {"external_id": "m", "email": "m@example.com"},
    {"phone": TWO},
    {"external_id": "new", "phone": TWO},
)


def batch(*keys, name="the other"):
    return lambda people: stored(people.rows(*keys, name=name))


def arrival(**keys):
    return lambda people: partial(
        register_contact, ContactRequest(people.source_id, **keys), actor="test"
    )


def merge(people):
    return partial(merge_leads, into_id=people.a.pk, lead_id=people.b.pk, actor="test")


MEETINGS = {
    "the same rows": (batch(*BATCH, name="the first"), 0),
    "the same people the other way round": (batch(*reversed(BATCH)), 5),
    "somebody who is new": (arrival(email="new@example.com"), 1),
    "somebody who is new, with more": (arrival(email="new@example.com", phone="+442079460009"), 1),
    "a stranger with a key to be filled in": (arrival(external_id="stranger", phone=ONE), 1),
    "a key of two leads": (arrival(external_id="a", email="new@example.com"), 1),
    "a key to be filled in": (arrival(external_id="b", phone=ONE), 1),
    "two keys to be filled in": (arrival(external_id="b", email="new@example.com", phone=TWO), 1),
    "the merged one": (arrival(external_id="m", phone=TWO), 1),
    "a merge": (merge, 0),
}


@pytest.mark.parametrize("meeting", every(6, MEETINGS))
@pytest.mark.parametrize("batch_first", every(2, [True, False]))
def test_a_batch_and_who_comes_with_the_same_keys(meeting, batch_first, workers):
    other, more = MEETINGS[meeting]
    for stop_at in range(1, 100):
        people = People()
        jobs = batch(*BATCH, name="the first")(people), other(people)
        ran = interleave(jobs if batch_first else jobs[::-1], workers, stop_at=stop_at)
        assert not ran.gave_up, f"{ran}: {ran.gave_up}"
        for outcome in ran.outcomes:
            assert not isinstance(outcome, BaseException), f"{ran}: {outcome!r}"
        assert Contact.objects.count() == len(BATCH) + more, str(ran)
        assert_everybody_is_found(str(ran))
        if ran.stopped_before is None:
            break
    assert stop_at > 1
    assert_promises_kept()


def assert_everybody_is_found(where):
    """Each contact is with a lead that was not merged, and no key that came is lost."""
    assert not Contact.objects.filter(lead__merged_into__isnull=False).exists(), where
    for contact in Contact.objects.all():
        owners = [Lead.objects.filter(**{key: value}) for key, value in contact.supplied.items()]
        found = {lead.merged_into_id or lead.pk for owner in owners for lead in owner}
        assert contact.lead_id in found, f"{where}: {contact.supplied}"


# Processes ------------------------------------------------------------------------------------


def posts_and_closes(source_ids, number):
    """What bots and operators do meanwhile; return how many contacts came."""
    for n in range(40):
        request = ContactRequest(source_ids[n % 2], external_id=f"lead-{(number * 40 + n) % 70}")
        receipt = register_contact(request, actor="test").receipt
        if n % 2:
            close_contact(receipt["id"], actor="test")
        if n % 10 == 9:
            operator_id = receipt["operator_id"] or Operator.objects.earliest("pk").pk
            update_operator(operator_id, max_load=20 + n, actor="test")
    return 40


def test_two_imports_of_one_file_beside_posts_and_closes(tmp_path):
    sources = [SourceFactory(name=name) for name in ("Bot", "Form")]
    for limit in (20, 30, 400):
        operator = OperatorFactory(max_load=limit)
        for source in sources:
            WeightFactory(source=source, operator=operator)
    path = tmp_path / "demo.csv"
    with path.open("w", newline="") as file:
        rows = [(f"lead-{n % 700}", "", ("Bot", "Form")[n % 3 == 0]) for n in range(1_500)]
        rows += [(f"lead-{n}", f"+44207946{n:04}", "Form") for n in range(100)]
        csv.writer(file).writerows([("id", "tel", "from"), *rows])
    processes = [start_import(path), start_import(path)]
    came = run_together(
        [partial(posts_and_closes, [one.pk for one in sources], number) for number in range(4)]
    )
    ended = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    said = Counter()
    for out, _ in ended:
        for word, number in re.findall(r"^(imported|already there|rejected) +(\d+)", out, re.M):
            said[word] += int(number)
    assert said == {"imported": 1_600, "already there": 1_600, "rejected": 0}
    assert Contact.objects.count() == 1_600 + sum(came)
    assert Contact.objects.waiting().exists()
    assert IdempotencyRecord.objects.count() == 1_600
    assert_promises_kept()
