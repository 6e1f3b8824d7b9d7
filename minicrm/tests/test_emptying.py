"""What is left between two tests that commit: permissions and content types, and nothing else."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType

from leads.models import Lead
from leads.tests.factories import WaitingContactFactory
from minicrm.tests import emptying
from minicrm.tests.people import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def known():
    return set(Permission.objects.values_list("content_type__app_label", "codename"))


@pytest.fixture
def everything():
    """All permissions that there are, before somebody damages them."""
    emptying.empty_tables()
    return known()


@pytest.mark.parametrize("many", [0, 500])
def test_leaves_no_row_and_each_permission(everything, monkeypatch, many):
    monkeypatch.setattr(emptying, "MANY", many)
    sign_in("supervisor")
    WaitingContactFactory.create_batch(4)
    emptying.empty_tables()
    assert not Lead.objects.exists()
    assert not Group.objects.exists()
    assert known() == everything


def test_makes_good_what_a_test_did_to_permissions(everything):
    Permission.objects.last().delete()
    Permission.objects.create(
        codename="odd", name="Odd", content_type=ContentType.objects.get_for_model(Lead)
    )
    ContentType.objects.first().delete()
    emptying.empty_tables()
    assert known() == everything
    assert ContentType.objects.get_for_model(Lead).pk in set(
        ContentType.objects.values_list("pk", flat=True)
    )
