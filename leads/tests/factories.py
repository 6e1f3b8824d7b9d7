"""Made-up leads and contacts for tests."""

import factory
from django.utils import timezone

from distribution.tests.factories import OperatorFactory, SourceFactory
from leads.models import Assignment, Contact, Lead


class LeadFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Lead

    external_id = factory.Sequence(lambda n: f"lead-{n}")


class WaitingContactFactory(factory.django.DjangoModelFactory):
    """A contact that nobody has yet."""

    class Meta:
        model = Contact
        skip_postgeneration_save = True

    lead = factory.SubFactory(LeadFactory)
    source = factory.SubFactory(SourceFactory)
    status = Contact.Status.WAITING
    created_at = factory.LazyFunction(timezone.now)

    @factory.post_generation
    def period(self, create, extracted, **kwargs):
        Assignment.objects.create(
            contact=self, method=Assignment.Method.QUEUED, started_at=self.created_at
        )


class AssignedContactFactory(WaitingContactFactory):
    """A contact with an operator, whose load counts it, and with its assignment."""

    operator = factory.SubFactory(OperatorFactory)
    status = Contact.Status.ASSIGNED
    assigned_at = factory.LazyFunction(timezone.now)

    @factory.post_generation
    def period(self, create, extracted, **kwargs):
        self.operator.current_load += 1
        self.operator.save(update_fields=["current_load"])
        Assignment.objects.create(
            contact=self,
            operator=self.operator,
            method=Assignment.Method.WEIGHTED_RANDOM,
            started_at=self.assigned_at,
        )


class ClosedContactFactory(WaitingContactFactory):
    """A contact that is done with; `operator` had it last, if it is given."""

    status = Contact.Status.CLOSED
    closed_at = factory.LazyFunction(timezone.now)

    @factory.post_generation
    def period(self, create, extracted, **kwargs):
        method = Assignment.Method.WEIGHTED_RANDOM if self.operator else Assignment.Method.QUEUED
        Assignment.objects.create(
            contact=self,
            operator=self.operator,
            method=method,
            started_at=self.created_at,
            ended_at=max(self.created_at, self.closed_at),
            ended_as=Assignment.End.CLOSED,
            ended_by="test",
        )
