"""The process that prepares an empty database: tables, and API keys, which it writes as JSON."""

import io
import json
import sys

import django
from django.core.management import call_command

from tools.stress.stage import KEYS


def main() -> None:
    """Do it."""
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    tokens = {}
    for name in KEYS:
        out = io.StringIO()
        call_command("create_api_key", f"stress: {name}", "--manage", stdout=out, stderr=out)
        tokens[name] = out.getvalue().split()[-1]
    json.dump(tokens, sys.stdout)


if __name__ == "__main__":
    main()
