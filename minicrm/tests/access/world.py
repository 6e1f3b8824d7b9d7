"""One of everything, so that nobody is turned away for want of something to see."""

import json
from collections.abc import Callable

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from distribution.models import ApiKey, AuditEvent, Operator
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory, make_key
from leads.models import Assignment, IdempotencyRecord, LeadConflict
from leads.tests.factories import AssignedContactFactory, LeadFactory
from minicrm.roles import Role
from minicrm.tests.access.addresses import Address
from minicrm.tests.people import group_of


class World:
    """The objects, and what addresses and bodies name of them."""

    def __init__(self) -> None:
        self.source, self.other_source = SourceFactory(), SourceFactory()
        self.operator = OperatorFactory()
        self.weight = WeightFactory(operator=self.operator, source=self.source)
        self.lead, self.other_lead = LeadFactory(), LeadFactory()
        self.contact = AssignedContactFactory(
            source=self.source, operator=self.operator, lead=self.lead
        )
        conflict = LeadConflict.objects.create(
            lead=self.lead, other_lead=self.other_lead, key="email"
        )
        record = IdempotencyRecord.objects.create(scope="demo", key="demo", digest="0" * 64)
        self.user = User.objects.create_user("demo-somebody")
        make_key()
        self.key = ApiKey.objects.latest("pk")
        self.rows = {
            "distribution_operator": self.operator,
            "distribution_source": self.source,
            "distribution_operatorsourceweight": self.weight,
            "distribution_apikey": self.key,
            "distribution_auditevent": AuditEvent.objects.latest("pk"),
            "auth_user": self.user,
            "auth_group": group_of(Role.VIEWER),
            "leads_lead": self.lead,
            "leads_contact": self.contact,
            "leads_assignment": Assignment.objects.latest("pk"),
            "leads_leadconflict": conflict,
            "leads_idempotencyrecord": record,
        }

    def path(self, address: Address) -> str:
        """Return the address with the world's objects filled in."""
        path = f"/{address.route}"
        for pattern, text in PATTERNS.items():
            path = path.replace(pattern, text)
        values = self._values(address)
        for part in ("<int:", "<path:", "<slug:", "<str:", "<"):
            for argument in address.arguments:
                path = path.replace(f"{part}{argument}>", str(values[argument]))
        return path + QUERIES.get(address.route, "")

    def _values(self, address: Address) -> dict[str, object]:
        table = "_".join(address.route.split("/")[1:3])
        thing = address.route.split("/")[0]
        own = {
            "operators": self.operator,
            "sources": self.source,
            "contacts": self.contact,
            "leads": self.lead,
            "keys": self.key,
            "users": self.user,
        }
        row = self.rows.get(table, own.get(thing, self.operator)).pk
        return {
            "pk": row,
            "id": row,
            "object_id": row,
            "other": self.other_lead.pk,
            "key": "none",
            "app_label": "leads",
            "url": "nothing",
            "content_type_id": ContentType.objects.get_for_model(Operator).pk,
            "operator_id": self.operator.pk,
            "source_id": self.source.pk,
            "contact_id": self.contact.pk,
            "lead_id": self.lead.pk,
            "weight_id": self.weight.pk,
        }

    def body(self, route: str, method: str) -> bytes:
        """Return a body for the API that nothing is wrong with."""
        make = BODIES.get((route, method)) or BODIES.get(route)
        return json.dumps(make(self) if make else {}).encode()


PATTERNS = {
    "^(?P<app_label>distribution|auth|leads)/$": "leads/",
    "(?P<url>.*)$": "nothing",
}
QUERIES = {
    "admin/login/": "?next=/admin/leads/",
    "admin/autocomplete/": (
        "?app_label=distribution&model_name=operatorsourceweight&field_name=operator"
    ),
}
Make = Callable[[World], dict[str, object]]
BODIES: dict[str | tuple[str, str], Make] = {
    "contacts/": lambda world: {"source_id": world.source.pk, "external_id": "demo"},
    "contacts/<int:contact_id>/reassign/": lambda world: {"operator_id": world.operator.pk},
    "operators/": lambda world: {"name": "Demo"},
    ("operators/<int:operator_id>", "PUT"): lambda world: {"name": "Demo"},
    "operators/<int:operator_id>/switch-off/": lambda world: {"open_contacts": "keep"},
    "sources/": lambda world: {"name": "Demo"},
    ("sources/<int:source_id>", "PUT"): lambda world: {"name": "Demo"},
    "sources/<int:source_id>/weights/": lambda world: {"operators": []},
    "operator-sources/": lambda world: {
        "operator_id": world.operator.pk,
        "source_id": world.other_source.pk,
    },
    "operator-sources/<int:weight_id>": lambda world: {"weight": 2},
    "distribution/config/": lambda world: {"source_id": world.source.pk, "operators": []},
}
