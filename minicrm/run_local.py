"""Starts the application on this machine, ready to look at: `make run`.

Prepares the database, a demo in it, an administrator and an API key, says how to get in, and
becomes gunicorn. What is there already is kept.
"""

import errno
import ipaddress
import json
import os
import secrets
import shlex
import socket
import sys
from pathlib import Path
from typing import NoReturn

import django
from django.core.management import call_command

from minicrm.local_access import LocalAccess, keep_access, read_access

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
USERNAME = "admin"
KEY_NAME = "make run"
ACTOR = "run_local"


def main() -> None:
    """Prepare everything and become gunicorn; exits with status 1 and one line if that fails."""
    port = _checked_port(os.environ.get("PORT", "").strip() or "8000")
    os.environ["DJANGO_SETTINGS_MODULE"] = "minicrm.settings"
    os.environ["BIND"] = f"{HOST}:{port}"  # a password is printed: for this machine only
    django.setup()
    _check_database()
    _prepare_database()
    _collect_static_files()
    access = _access(f"http://{HOST}:{port}")
    _say(_welcome(access))
    _become_gunicorn()


def _checked_port(text: str) -> int:
    """Return the port; end the process if it is none, or not free."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        _stop(
            f"PORT must be a whole number from 1 to 65535; it is {text!r}. Try  make run PORT=8001"
        )
    port = int(text)
    with socket.socket() as probe:
        # As gunicorn does: connections of a server that has just ended are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            other = 8001 if port != 8001 else 8002
            why = (
                "is in use"
                if error.errno == errno.EADDRINUSE
                else f"cannot be used ({error.strerror})"
            )
            _stop(f"Port {port} {why}. Take another one:  make run PORT={other}")
    return port


def _check_database() -> None:
    """Refuse a database on another machine: it would get an administrator and demo data."""
    from django.db import connection

    config = connection.settings_dict
    named = config.get("HOST") or config["OPTIONS"].get("host")
    host = str(named or "") if connection.vendor == "postgresql" else ""
    if host and not host.startswith("/") and not _is_this_machine(host):
        _stop(
            f"DATABASE_URL names the machine {host!r}; this start, with demo data and a printed"
            " password, is for a database on this one. Others are served by gunicorn itself."
        )


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _prepare_database() -> None:
    from django.core.management import CommandError
    from django.db import OperationalError

    try:
        _say("Preparing the database ...")
        call_command("migrate", interactive=False, verbosity=0)
        call_command("seed_demo", "--if-empty")
    except (CommandError, OperationalError) as error:
        _stop(f"The database could not be prepared: {str(error).strip()}")


def _collect_static_files() -> None:
    """Collect them without compressing: that takes a minute and gains nothing on one machine."""
    from django.contrib.staticfiles.management.commands import collectstatic
    from django.contrib.staticfiles.storage import ManifestStaticFilesStorage

    _say("Collecting the static files ...")
    command = collectstatic.Command()
    command.storage = ManifestStaticFilesStorage()
    call_command(command, interactive=False, verbosity=0)


def _access(url: str) -> LocalAccess:
    """Return how to get in, as kept from an earlier start; what is missing is made anew."""
    from django.conf import settings
    from django.db import connection

    # Without address and port: those of a server started for us change every time.
    database = f"{connection.vendor}:{connection.settings_dict['NAME']}"
    kept = read_access(settings.DATA_DIR, database=database)
    username, password = _account(kept)
    access = LocalAccess(url, database, username, password, _api_key(kept))
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    keep_access(settings.DATA_DIR, access)
    return access


def _account(kept: LocalAccess) -> tuple[str, str]:
    """Return name and password of the administrator; no password if it is not ours to know.

    An administrator who is there already keeps their password, whoever set it.
    """
    from django.contrib.auth.models import User

    from distribution.rights import create_administrator

    user = User.objects.filter(username=USERNAME).first()
    if user is not None:
        return USERNAME, kept.password if user.check_password(kept.password) else ""
    password = secrets.token_urlsafe(12)
    create_administrator(username=USERNAME, password=password, actor=ACTOR)
    return USERNAME, password


def _api_key(kept: LocalAccess) -> str:
    """Return the key kept if it is still good, else a new one that may do everything."""
    from distribution.keys import authenticate, create_api_key

    if kept.api_key and authenticate(kept.api_key) is not None:
        return kept.api_key
    return create_api_key(name=KEY_NAME, can_manage=True, actor=ACTOR)[1]


def _welcome(access: LocalAccess) -> str:
    from distribution.models import Source

    source_id = Source.objects.order_by("pk").values_list("pk", flat=True).first()
    password = access.password or "the one you have set (manage.py changepassword sets another)"
    return (
        f"\n  Mini-CRM     {access.url}/\n"
        f"  sign in      {access.username}, password: {password}\n"
        f"  API          {access.url}/api/v1/docs\n"
        f"  API key      {access.api_key}\n\n"
        f"  Send a contact:\n  {_curl(access, source_id)}\n\n"
        "  Contacts all the time:  make traffic  (in another terminal)\n"
        "  Stop with Ctrl-C. The data stays.\n"
    )


def _curl(access: LocalAccess, source_id: int | None) -> str:
    """Return a command to paste into a shell; it needs a source, without one says so."""
    if source_id is None:
        return "Create a source first."
    body = {"source_id": source_id, "email": "first.try@example.com", "message": "Hello!"}
    words = [
        "curl",
        f"{access.url}/api/v1/contacts/",
        "-H", f"Authorization: Bearer {access.api_key}",
        "-H", "Content-Type: application/json",
        "-d", json.dumps(body),
    ]  # fmt: skip
    return shlex.join(words)


def _become_gunicorn() -> NoReturn:
    from django.db import connections

    connections.close_all()
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"])


def _say(text: str) -> None:
    print(text, flush=True)


def _stop(message: str) -> NoReturn:
    print(f"mini-crm: {message}", file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
