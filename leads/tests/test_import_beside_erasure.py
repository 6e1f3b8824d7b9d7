"""People are erased while a file with their contacts is read in: a real process, and threads."""

import csv
import os
import re
from functools import partial
from random import Random

import pytest
from django.db.models import Count, Q

from distribution.tests.concurrency import run_together
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Contact, IdempotencyRecord, Lead, LeadConflict
from leads.services import erase_lead
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import LeadFactory
from leads.tests.imported import start_import
from minicrm.errors import Conflict

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.usefixtures("no_deadlocks"),
]

PEOPLE, ERASERS, MOST = 60, 3, 300
ROWS = 2_400 if os.environ.get("CI") else 1_200


def keys_of(person):
    return f"person-{person}", f"+44207946{person:04}"


def file_of_rows(path, rng):
    """Rows with one key or both of some people, in no order, and each with a text of its own."""
    rows = []
    for number in range(ROWS):
        external_id, phone = keys_of(rng.randrange(PEOPLE))
        ids = rng.choice([(external_id, phone), (external_id, phone), (external_id, "")])
        rows.append((*ids, rng.choice(["Bot", "Form"]), f"text {number}"))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "tel", "from", "text"), *rows])


def erase(process, seed):
    """Erase people while the process runs; return the leads that this made of no one."""
    rng, erased = Random(seed), []
    while process.poll() is None and len(erased) < MOST:
        lead = Lead.objects.filter(external_id=keys_of(rng.randrange(PEOPLE))[0]).first()
        if lead is None:
            continue  # erased a moment ago, and not back
        try:
            erase_lead(lead.pk, reason="Request 7", actor="test")
        except Conflict as refusal:
            if refusal.code != "lead_erased":  # by another of us
                raise
        else:
            erased.append(lead.pk)
    return erased


def test_an_import_beside_erasures_of_its_people(tmp_path):
    bot, form = SourceFactory(name="Bot"), SourceFactory(name="Form")
    for limit in (30, 400):  # some will wait
        operator = OperatorFactory(max_load=limit)
        for source in (bot, form):
            WeightFactory(source=source, operator=operator)
    for person in range(PEOPLE):
        LeadFactory(external_id=keys_of(person)[0], name="")
    path = tmp_path / "demo.csv"
    file_of_rows(path, Random(1))

    process = start_import(path, "--payload=text")
    erased_by = run_together([partial(erase, process, seed) for seed in range(ERASERS)])
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert re.search(rf"^imported +{ROWS} ", out, re.M), out
    assert all(isinstance(leads, list) for leads in erased_by), erased_by
    assert_nothing_is_lost_or_doubled()
    assert_who_is_erased_stays_so({pk for leads in erased_by for pk in leads})
    assert Contact.objects.waiting().exists()
    assert_promises_kept()


def assert_nothing_is_lost_or_doubled():
    answered = [record.response["id"] for record in IdempotencyRecord.objects.all()]
    stored = Contact.objects.values_list("pk", flat=True)
    assert sorted(answered) == sorted(stored)
    assert len(stored) == ROWS
    contents = Contact.objects.exclude(payload={}).values_list("payload__text", flat=True)
    assert len(set(contents)) == len(contents)


def assert_who_is_erased_stays_so(erased):
    """Nothing is known of them, and the rows that came later are of new leads with their keys."""
    assert set(Lead.objects.exclude(erased_at=None).values_list("pk", flat=True)) == erased
    of_erased = Contact.objects.filter(lead__in=erased)
    assert of_erased.exists(), "nobody was erased meanwhile"
    assert not of_erased.exclude(supplied={}, payload={}).exists()
    known = Q(external_id__isnull=False) | Q(phone__isnull=False)
    assert not Lead.objects.filter(known, pk__in=erased).exists()
    assert Lead.objects.filter(known).count() + len(erased) == Lead.objects.count()
    assert not LeadConflict.objects.filter(resolved_at=None).exists()
    of_others = Contact.objects.exclude(lead__in=erased).select_related("lead")
    assert of_others.exists()
    for contact in of_others:
        for key, value in contact.supplied.items():
            assert getattr(contact.lead, key) == value
    several = Lead.objects.annotate(n=Count("contacts")).filter(pk__in=erased, n__gt=1)
    assert several.exists()
