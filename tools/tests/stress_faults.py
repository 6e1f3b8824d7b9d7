"""The application with deliberate faults, for gunicorn: that the proof can fail is proven too."""

import secrets
import time

from minicrm.wsgi import application

from distribution.models import Operator  # isort: skip
from distribution.services import assignment  # isort: skip
from leads.services import idempotency  # isort: skip

__all__ = ["application"]

begin = idempotency.begin


def claim_naively(operator_id):
    """Look, then write what was seen plus one: whoever comes in between is forgotten."""
    operator = Operator.objects.get(pk=operator_id)
    if not operator.is_active or operator.current_load >= operator.max_load:
        return False
    time.sleep(0.01)
    Operator.objects.filter(pk=operator_id).update(current_load=operator.current_load + 1)
    return True


def begin_anew(*, scope, key, digest):
    """Take every request for a new one, whatever its key."""
    return begin(scope=scope, key=secrets.token_hex(16), digest=digest)


assignment._claim = claim_naively
idempotency.begin = begin_anew
