"""The objects that hostile requests name, keys of every kind, and all that is stored."""

import contextlib
import itertools

from django.apps import apps
from django.db import transaction

from distribution.keys import create_api_key, revoke_api_key
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory, make_key
from leads.tests.factories import AssignedContactFactory, LeadFactory
from minicrm.tests.hostile.case import CONTACT, LEAD, OPERATOR, SOURCE, WEIGHT

PASSING = {"last_used_at"}  # stored with any request
KEYS = 40  # that manage, in turn: one alone would soon be over its rate


class World:
    """One of everything, and what is stored then."""

    def __init__(self):
        operator, source = OperatorFactory(pk=OPERATOR), SourceFactory(pk=SOURCE)
        WeightFactory(pk=WEIGHT, source=source)
        lead = LeadFactory(pk=LEAD)
        AssignedContactFactory(pk=CONTACT, lead=lead, source=source, operator=operator)
        gone, revoked = create_api_key(name="Gone", can_manage=True, actor="test")
        revoke_api_key(gone, actor="test")
        self._manage = itertools.cycle([make_key(can_manage=True) for _ in range(KEYS)])
        self._others = {
            "bound": make_key(source=source),
            "foreign": make_key(source=SourceFactory()),
            "revoked": revoked,
            "none": None,
        }
        self.rows = stored()

    def key(self, kind):
        """Return a key that `manages`, is `bound`, `foreign` or `revoked`; None for `none`."""
        return next(self._manage) if kind == "manages" else self._others[kind]


@contextlib.contextmanager
def lasting_world():
    """Provide a world for the tests of a module, and take it back in the end.

    Around the transaction of each test there is this one.
    """
    with transaction.atomic():
        yield World()
        transaction.set_rollback(True)


def stored():
    """Return every row of our own tables, and of users."""
    rows = {}
    for label in ("distribution", "leads", "auth"):
        for model in apps.get_app_config(label).get_models():
            names = [one.name for one in model._meta.concrete_fields if one.name not in PASSING]
            rows[model._meta.label] = list(model._default_manager.order_by("pk").values(*names))
    return rows
