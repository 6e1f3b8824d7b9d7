"""Very many rows, without asking the services a hundred thousand times."""

from django.core.management.color import no_style
from django.db import connection
from django.db.models import Max, Model

from distribution.keys import create_api_key
from distribution.models import AuditEvent, Operator, OperatorSourceWeight, Source
from leads.models import Assignment, Contact, Lead, LeadConflict
from minicrm.tests.people import make_user

OTHERS = 60  # users, keys, sources, duplicates: what nobody has a thousand of
EVENTS = 1_000


def grow(*, operators: int, contacts: int) -> None:
    """Let a demo world grow to about so many operators and contacts, by copying what there is."""
    keys = {"external_id": "'copy-' || id || '-' || n", "email": "NULL", "phone": "NULL"}
    _copy(Lead, 100, "erased_at IS NULL", **keys)
    _copy_contacts(Contact.Status.WAITING, contacts // 50)
    _copy_contacts(Contact.Status.CLOSED, contacts - contacts // 50)
    _copy(AuditEvent, EVENTS // AuditEvent.objects.count())
    _create_others()
    _create_operators(operators)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Contact]):
            cursor.execute(statement)
        cursor.execute("ANALYZE")


def _copy_contacts(status: str, wanted: int) -> None:
    """Copy contacts with their periods: the n-th copy's id is n steps away from the original's."""
    step = Contact.objects.aggregate(last=Max("pk"))["last"]
    away = f"n * CAST({step} AS bigint)"  # other tests may have come far with their numbers
    contacts = f"SELECT id FROM {Contact._meta.db_table} WHERE status = '{status}'"
    times = wanted // Contact.objects.filter(status=status).count()
    periods = list(Assignment.objects.filter(contact__status=status).values_list("pk", flat=True))
    _copy(Contact, times, f"id IN ({contacts})", id=f"id + {away}")
    originals = ", ".join(map(str, periods))
    _copy(Assignment, times, f"id IN ({originals})", contact_id=f"contact_id + {away}")


def _copy(model: type[Model], times: int, where: str = "TRUE", **changed: str) -> None:
    """Copy rows so many times; `changed` says in SQL what differs, with n for the how-manieth."""
    columns = [
        field.column
        for field in model._meta.concrete_fields
        if not field.primary_key or field.column in changed
    ]
    values = ", ".join(changed.get(column, column) for column in columns)
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) WITH RECURSIVE numbers(n) AS"
            f" (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {times})"
            f" SELECT {values} FROM {table} CROSS JOIN numbers WHERE {where}"
        )


def _create_others() -> None:
    lead, *others = Lead.objects.order_by("-pk")[: OTHERS + 1]
    LeadConflict.objects.bulk_create(
        LeadConflict(lead=lead, other_lead=other, key="email") for other in others
    )
    Source.objects.bulk_create(Source(name=f"Demo: source {n}") for n in range(OTHERS))
    for number in range(OTHERS):
        create_api_key(name=f"Demo {number}", actor="test")
        make_user("viewer", username=f"demo-viewer-{number}")


def _create_operators(wanted: int) -> None:
    """Create operators up to that number, each with a weight for every source there was before."""
    sources = list(Source.objects.filter(weights__isnull=False).distinct())
    created = Operator.objects.bulk_create(
        Operator(name=f"Demo operator {number}", max_load=10)
        for number in range(Operator.objects.count() + 1, wanted + 1)
    )
    OperatorSourceWeight.objects.bulk_create(
        OperatorSourceWeight(operator=operator, source=source, weight=operator.pk % 9)
        for operator in created
        for source in sources
    )
