"""The application with deliberate faults, for gunicorn: that the proof can fail is proven too."""

import secrets
import time

from minicrm.wsgi import application

from distribution.models import Operator  # isort: skip
from leads.services import arrival_sql, idempotency, registration  # isort: skip

__all__ = ["application"]

begin = idempotency.begin


def take_naively(operator_id):
    """Look, then write what was seen plus one: whoever comes in between is forgotten."""
    operator = Operator.objects.get(pk=operator_id)
    if not operator.is_active or operator.current_load >= operator.max_load:
        return None
    time.sleep(0.01)
    Operator.objects.filter(pk=operator_id).update(current_load=operator.current_load + 1)
    return operator.name


def store_naively(contact, operator_id, decision):
    """Do that, and store the contact."""
    name = take_naively(operator_id)
    return name and (arrival_sql.insert_assigned(contact, operator_id, decision), name)


def begin_anew(*, scope, key, digest):
    """Take every request for a new one, whatever its key."""
    return begin(scope=scope, key=secrets.token_hex(16), digest=digest)


registration.insert_with_place = store_naively
registration.take_place = lambda chosen, decision: take_naively(chosen.operator_id)
idempotency.begin = begin_anew
