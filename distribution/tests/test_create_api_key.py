"""manage.py create_api_key."""

import io
import os
import subprocess
import sys

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.utils import translation

from distribution.keys import authenticate
from distribution.models import NAME_LENGTH, ApiKey
from distribution.tests.factories import SourceFactory

pytestmark = pytest.mark.django_db


def run(*args):
    out, err = io.StringIO(), io.StringIO()
    call_command("create_api_key", *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_prints_the_key_alone_and_the_rest_on_stderr():
    out, err = run("Web form")
    token = out.removesuffix("\n")
    key = authenticate(token)
    assert (key.name, key.source, key.can_manage) == ("Web form", None, False)
    assert out == f"{token}\n"
    assert "all sources" in err
    assert token not in err


def test_key_bound_to_a_source():
    source = SourceFactory(name="Bot A")
    out, err = run("Bot", "--source", str(source.pk))
    assert authenticate(out.strip()).source == source
    assert "Bot A" in err


def test_managing_key():
    out, err = run("Supervisor's script", "--manage")
    assert authenticate(out.strip()).can_manage
    assert "may manage" in err


def test_name_is_kept_in_its_one_spelling():
    out, _ = run("  Cafe\u0301 ")
    assert authenticate(out.strip()).name == "Caf\u00e9"


@pytest.mark.parametrize("source_id", ["0", "-1", "77", str(2**63), str(2**80)])
def test_refuses_an_unknown_source_and_lists_the_known(source_id):
    SourceFactory(name="The only one")
    with pytest.raises(CommandError, match="The only one") as caught:
        run("Bot", f"--source={source_id}")
    assert f"There is no source {source_id}." in str(caught.value)
    assert caught.value.returncode == 1
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("name", ["", "  ", "\u200b", "a\nb", "a\u202eb", "x" * (NAME_LENGTH + 1)])
def test_refuses_a_name_that_the_model_refuses(name):
    with pytest.raises(CommandError, match="The name will not do"):
        run(name)
    assert not ApiKey.objects.exists()


def test_longest_name_is_fine():
    run("x" * NAME_LENGTH)
    assert ApiKey.objects.get().name == "x" * NAME_LENGTH


def test_speaks_english_in_any_language():
    with translation.override("ru"), pytest.raises(CommandError, match="cannot be blank"):
        run("")


@pytest.mark.thorough
def test_exit_status_as_a_program(tmp_path):
    environment = {**os.environ, "DATA_DIR": str(tmp_path)}
    environment.pop("DATABASE_URL", None)
    manage = [sys.executable, str(django_settings.BASE_DIR / "manage.py")]
    subprocess.run([*manage, "migrate", "-v0"], env=environment, check=True)
    good = subprocess.run(
        [*manage, "create_api_key", "Bot"], env=environment, capture_output=True, text=True
    )
    bad = subprocess.run(
        [*manage, "create_api_key", "Bot", "--source", "5"],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert good.returncode == 0
    assert good.stdout.startswith("mcrm_")
    assert good.stdout.count("\n") == 1
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "There is no source 5" in bad.stderr
    assert "Traceback" not in bad.stderr


def test_a_managing_key_for_one_source_is_refused():
    source = SourceFactory()
    with pytest.raises(CommandError, match="all sources"):
        call_command("create_api_key", "Both", "--manage", f"--source={source.pk}")
    assert not ApiKey.objects.exists()
