"""Something of everything that a backup holds, and the commands as tests call them."""

import io
from datetime import timedelta

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.utils import timezone

from distribution.models import Operator
from distribution.services import create_operator
from distribution.tests.factories import SourceFactory, WeightFactory, make_key
from leads.models import Contact, IdempotencyRecord, LeadConflict
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    LeadFactory,
    WaitingContactFactory,
)
from minicrm.tests.archives import manifest_of
from minicrm.tests.people import sign_in

NAME = "Оператор ' \" \\ 🙂"


def make_world():
    """Fill the database; return the page of somebody who is signed in."""
    browser = sign_in("supervisor")
    browser.user.user_permissions.add(Permission.objects.get(codename="view_user"))
    operator = create_operator(name=NAME, actor=f"user:{browser.user.pk}")
    closed = ClosedContactFactory(
        source=SourceFactory(is_active=False),
        operator=operator,
        message="two\nlines",
        payload={"z": [1, 2.5, None, True], "a": {"ü": "ß"}, "big": 10**30},
    )
    AssignedContactFactory.create_batch(3, source=closed.source, operator=operator)
    WaitingContactFactory.create_batch(2, source=closed.source)
    LeadConflict.objects.create(lead=LeadFactory(), other_lead=closed.lead, key="email")
    LeadFactory(merged_into=closed.lead, email="lead@example.com", external_id=None)
    make_key(source=closed.source)
    WeightFactory(source=closed.source, operator=operator, weight=7)
    IdempotencyRecord.objects.create(
        scope="api_key:1:contacts", key="k", digest="0" * 64, response={"id": closed.pk}
    )
    IdempotencyRecord.objects.create(scope="api_key:1:contacts", key="in flight", digest="1" * 64)
    # Long ago: a restore must not write today's date.
    Operator.objects.update(created_at=timezone.now() - timedelta(days=400, microseconds=7))
    LogEntry.objects.create(
        user=browser.user,
        content_type=ContentType.objects.get_for_model(Contact),
        object_id=str(closed.pk),
        object_repr="x",
        action_flag=CHANGE,
    )
    return browser


def backup(path):
    """Write a backup; return what the command said."""
    out = io.StringIO()
    call_command("backup", str(path), stdout=out)
    return out.getvalue()


def restore(path, **options):
    """Restore a backup; return what the command said."""
    out = io.StringIO()
    call_command("restore", str(path), stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


def state(folder):
    """Return what identifies everything in the database, which a restore must not change."""
    path = folder / "state.tar.gz"
    backup(path)
    return manifest_of(path)["tables"]
