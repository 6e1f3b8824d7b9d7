"""Django's admin leaves somebody who can administrate, as our own pages do."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import reverse

from distribution.models import AuditEvent
from distribution.tests.test_admin_users import USERS, form_of, url_of
from minicrm.tests.people import make_user

pytestmark = pytest.mark.django_db
REFUSED = "This is the last administrator who can sign in."


@pytest.mark.parametrize("change", [{"is_active": None}, {"is_staff": None}, {"groups": []}])
def test_nobody_takes_the_last_rights_away(administrator, change):
    user = administrator.user
    page = administrator.post(url_of(user), form_of(user, **change), follow=True).content.decode()

    assert REFUSED in page
    user.refresh_from_db()
    assert (user.is_active, user.is_staff, user.groups.count()) == (True, True, 1)
    assert not AuditEvent.objects.exists()


def test_nobody_deletes_the_last_one(administrator):
    url = url_of(administrator.user, "delete")
    page = administrator.post(url, {"post": "yes"}, follow=True).content.decode()

    assert REFUSED in page
    assert User.objects.count() == 1
    assert not LogEntry.objects.exists()


def test_nobody_deletes_them_all_from_the_list(administrator):
    make_user("viewer", username="demo-other")
    everybody = list(User.objects.values_list("pk", flat=True))
    data = {"action": "delete_selected", "_selected_action": everybody, "post": "yes"}
    page = administrator.post(USERS, data, follow=True).content.decode()

    assert REFUSED in page
    assert User.objects.count() == 2
    assert not LogEntry.objects.exists()
    assert not AuditEvent.objects.exists()


def test_one_of_two_may_go(administrator):
    other = make_user("administrator", username="demo-other")
    administrator.post(url_of(other), form_of(other, is_active=None))

    other.refresh_from_db()
    assert not other.is_active
    assert administrator.get(reverse("admin:index")).status_code == 200
