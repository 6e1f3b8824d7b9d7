"""manage.py create_administrator."""

import io

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from distribution.management.commands import create_administrator as command
from distribution.models import AuditEvent

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

GOOD = "correct horse 7"


@pytest.fixture
def typed(monkeypatch):
    """Answer the prompts with what the test puts here; there is a terminal."""
    answers = []
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(command, "getpass", lambda prompt: answers.pop(0))
    monkeypatch.delenv(command.VARIABLE, raising=False)
    return answers


@pytest.fixture
def of_script(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setenv(command.VARIABLE, GOOD)


def run(name="anna"):
    out = io.StringIO()
    call_command("create_administrator", name, stdout=out)
    return out.getvalue()


def refused(name="anna"):
    with pytest.raises(CommandError) as caught:
        run(name)
    return str(caught.value)


def test_creates_one_who_may_do_everything(typed):
    typed += [GOOD, GOOD]
    assert run() == "Administrator anna created.\n"
    user = User.objects.get()
    assert (user.username, user.is_superuser, user.is_staff) == ("anna", True, True)
    assert user.check_password(GOOD)


@pytest.mark.usefixtures("of_script")
def test_password_of_a_script():
    assert run(name="anna") == "Administrator anna created.\n"
    assert User.objects.get().check_password(GOOD)


@pytest.mark.usefixtures("of_script")
def test_is_recorded_without_the_password():
    run()
    event = AuditEvent.objects.get()
    assert (event.actor, event.action, event.object_name) == (
        "create_administrator", "created", "anna",
    )  # fmt: skip
    assert event.after["is_superuser"] is True
    assert GOOD not in str(event.after)


@pytest.mark.usefixtures("of_script")
def test_name_in_use():
    User.objects.create_user("anna", password="as it was 5")
    assert "already exists" in refused()
    assert User.objects.get().check_password("as it was 5")
    assert not AuditEvent.objects.exists()


@pytest.mark.usefixtures("of_script")
@pytest.mark.parametrize("name", ["", "a b", "a\nb", "x" * 151])
def test_names_that_nobody_can_have(name):
    assert refused(name).startswith("The name will not do: ")
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short7!", "too short"), ("password1", "too common"), ("84729361045", "entirely numeric"),
        ("annabella", "similar to the username"), ("", "too short"),
    ],
)  # fmt: skip
def test_passwords_that_the_validators_refuse(typed, password, said):
    typed += [password, password]
    assert said in refused("annabella")
    assert not User.objects.exists()


def test_two_passwords_that_differ(typed):
    typed += [GOOD, GOOD + "x"]
    assert refused() == "The two differ; nothing was created."
    assert not User.objects.exists()


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize("error", [KeyboardInterrupt, EOFError])
def test_interrupted_at_the_prompt(monkeypatch, error):
    def interrupted(prompt):
        raise error

    monkeypatch.setattr(command, "getpass", interrupted)
    assert refused() == "Nothing was created."


def test_without_a_terminal_and_the_variable(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.delenv(command.VARIABLE, raising=False)
    assert command.VARIABLE in refused()
    assert not User.objects.exists()


@pytest.mark.usefixtures("of_script")
def test_somebody_was_faster(monkeypatch):
    """Between the look whether the name is free and the creation."""
    monkeypatch.setattr(User, "full_clean", lambda self, exclude: None)
    User.objects.create_user("anna")
    assert refused() == "Somebody has just created 'anna'."
