"""Django's commands for users write down what they did, like our own."""

import getpass
import os

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from distribution.models import AuditEvent
from minicrm.tests.people import PASSWORD, make_user

pytestmark = pytest.mark.django_db
NEW = "another long demo password"


def test_a_superuser_who_was_created_is_recorded(monkeypatch, capsys):
    User.objects.create_superuser("demo-old")
    monkeypatch.setitem(os.environ, "DJANGO_SUPERUSER_PASSWORD", NEW)
    call_command("createsuperuser", "--noinput", username="demo", email="demo@example.com")

    event = AuditEvent.objects.get()
    assert (event.actor, event.action, event.object_name) == ("createsuperuser", "created", "demo")
    assert event.after["is_superuser"] is True
    assert NEW not in str(event.after)
    assert "example.com" not in str(event.after)


def test_a_password_that_was_changed_is_recorded(monkeypatch, capsys):
    user = make_user("viewer", username="demo")
    monkeypatch.setattr(getpass, "getpass", lambda prompt: NEW)
    call_command("changepassword", "demo")

    event = AuditEvent.objects.get()
    assert (event.actor, event.object_id) == ("changepassword", user.pk)
    assert event.after == {"password": "changed"}
    user.refresh_from_db()
    assert user.check_password(NEW)


def test_a_password_that_will_not_do_is_not(monkeypatch, capsys):
    make_user("viewer", username="demo")
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "short")
    with pytest.raises(CommandError):
        call_command("changepassword", "demo")

    assert User.objects.get().check_password(PASSWORD)
    assert not AuditEvent.objects.exists()
