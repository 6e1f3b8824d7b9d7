"""Made-up operators, sources and weights for tests."""

import factory

from distribution.keys import create_api_key
from distribution.models import Operator, OperatorSourceWeight, Source


class OperatorFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Operator

    name = factory.Sequence(lambda n: f"Operator {n}")
    max_load = 10


class SourceFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Source

    name = factory.Sequence(lambda n: f"Source {n}")


class WeightFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = OperatorSourceWeight

    operator = factory.SubFactory(OperatorFactory)
    source = factory.SubFactory(SourceFactory)
    weight = 1


def make_key(**kwargs) -> str:
    """Create an API key and return the token."""
    return create_api_key(name="Test key", actor="test", **kwargs)[1]
