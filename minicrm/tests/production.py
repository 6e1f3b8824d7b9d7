"""The settings of an installation on the internet, as a process of it loads them."""

import functools
import json
import os
import subprocess
import sys
from typing import Any

from django.conf import settings

# As in docs/configuration.md, "Examples".
ENVIRONMENT = {
    "DATABASE_URL": "postgres://minicrm:password@127.0.0.1:5432/minicrm",
    "SECRET_KEY": "demo-" + "k3-Q" * 15,
    "ALLOWED_HOSTS": "crm.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://crm.example.com",
    "HTTPS": "on",
    "BEHIND_PROXY": "on",
}
SHOW = """
import json
from minicrm import settings
kinds = ("SECURE_", "SESSION_", "CSRF_", "LANGUAGE_COOKIE_", "HTTPS", "BEHIND_", "ALLOWED_HOSTS",
    "X_FRAME", "CONTENT_SECURITY", "SILENCED")
print(json.dumps({name: value for name, value in vars(settings).items() if name.startswith(kinds)}))
"""


def run(*command: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a program in an environment of production, with nothing of ours in it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ = kept | {"DATA_DIR": str(settings.DATA_DIR)} | ENVIRONMENT | extra
    return subprocess.run(
        [sys.executable, *command],
        env=environ,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=120,
    )


@functools.cache
def production_settings(**extra: str) -> dict[str, Any]:
    """Return what has to do with security in the settings of a process in production."""
    done = run("-c", SHOW, **extra)
    if done.returncode:
        raise RuntimeError(done.stderr)
    loaded: dict[str, Any] = json.loads(done.stdout)
    if "SECURE_PROXY_SSL_HEADER" in loaded:
        loaded["SECURE_PROXY_SSL_HEADER"] = tuple(loaded["SECURE_PROXY_SSL_HEADER"])
    return loaded
