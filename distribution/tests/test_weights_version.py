"""Whatever changes a source's weights gives them a new number, and with it the kept ones go."""

from random import Random

import pytest
from django.apps import apps
from django.db import connection, transaction

from distribution import selection
from distribution.models import Operator, OperatorSourceWeight, Source
from distribution.services import delete_operator, many_operators, replace_weights
from distribution.services.assignment import candidates_of
from distribution.tests.factories import OperatorFactory, SourceFactory
from distribution.triggers import create_triggers, drop_triggers

pytestmark = pytest.mark.django_db
TABLE = "distribution_operatorsourceweight"


@pytest.fixture
def source(monkeypatch):
    """A source with operators of the weights 1 to 9, of whom so many are many here."""
    source = SourceFactory()
    for weight in range(1, 10):
        OperatorSourceWeight.objects.create(
            source=source, operator=OperatorFactory(max_load=9), weight=weight
        )
    monkeypatch.setattr(many_operators, "MANY", 3)
    monkeypatch.setattr(many_operators, "_large", {source.pk: None})
    return source


def version(source):
    return Source.objects.values_list("weights_version", flat=True).get(pk=source.pk)


def first(source):
    return source.weights.order_by("pk").first()


def is_drawn_as_the_weights_say(source):
    candidates = candidates_of([source.pk])[source.pk]
    for seed in range(5):
        chosen = selection.pick(selection.available(candidates), Random(seed))
        drawn = many_operators.draw_among_many(source.pk, actor="test", rng=Random(seed))
        if drawn.chosen != chosen:
            return False
    return many_operators._large[source.pk].version == version(source)


def by_hand(source):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET weight = 100 WHERE source_id = %s", [source.pk])


def save(source):
    weight = first(source)
    weight.weight = 100
    weight.save()


def change_many(source):
    weights = list(source.weights.all())
    for one in weights:
        one.weight *= 2
    OperatorSourceWeight.objects.bulk_update(weights, ["weight"])


def add_many(source):
    OperatorSourceWeight.objects.bulk_create(
        OperatorSourceWeight(source=source, operator=OperatorFactory(), weight=50) for _ in range(3)
    )


def give_to_another(source):
    first(source).source.weights.filter(pk=first(source).pk).update(source=SourceFactory())


@pytest.mark.parametrize(
    "change",
    [
        by_hand,
        save,
        change_many,
        add_many,
        give_to_another,
        lambda source: first(source).delete(),
        lambda source: source.weights.filter(weight__lt=5).delete(),
        lambda source: Operator.objects.filter(weights=first(source)).delete(),
        lambda source: delete_operator(first(source).operator_id, actor="test"),
        lambda source: replace_weights(
            source.pk,
            dict.fromkeys(source.operators.values_list("pk", flat=True), 7),
            actor="test",
        ),
    ],
)
def test_each_change_is_seen_at_the_next_draw(source, change):
    assert is_drawn_as_the_weights_say(source)
    before = version(source)
    change(source)
    assert version(source) != before
    assert is_drawn_as_the_weights_say(source)


def test_who_gets_a_weight_from_another_source_is_seen_there(source):
    other = OperatorSourceWeight.objects.create(
        source=SourceFactory(), operator=OperatorFactory(), weight=100
    )
    assert is_drawn_as_the_weights_say(source)
    OperatorSourceWeight.objects.filter(pk=other.pk).update(source=source)
    assert is_drawn_as_the_weights_say(source)


def test_weights_stay_kept_while_nothing_changes(source, django_assert_num_queries):
    many_operators.draw_among_many(source.pk, actor="test", rng=Random(1))
    with django_assert_num_queries(2):  # the look, and who is listed
        many_operators.draw_among_many(source.pk, actor="test", rng=Random(2))


def test_other_sources_keep_their_weights(source):
    before = version(source)
    OperatorSourceWeight.objects.create(source=SourceFactory(), operator=OperatorFactory())
    assert version(source) == before


def test_what_was_rolled_back_is_not_drawn_from(source):
    before = version(source)
    with transaction.atomic():
        by_hand(source)
        assert is_drawn_as_the_weights_say(source)
        transaction.set_rollback(True)
    assert version(source) == before
    assert is_drawn_as_the_weights_say(source)
    by_hand(source)
    assert is_drawn_as_the_weights_say(source)


def test_no_number_comes_again(source):
    seen = set()
    for _ in range(20):
        by_hand(source)
        seen.add(version(source))
    assert len(seen) == 20


def test_a_source_saved_from_memory_keeps_the_number(source):
    old = Source.objects.get(pk=source.pk)
    by_hand(source)
    now = version(source)
    old.name = "Renamed"
    old.save()
    old.refresh_from_db()
    assert (old.name, old.weights_version) == ("Renamed", now)


def test_weights_changed_between_two_looks_are_left_to_the_plain_way(source, monkeypatch):
    real = many_operators._read_look

    def look_and_change(source_id):
        look = real(source_id)
        by_hand(source)
        return look

    monkeypatch.setattr(many_operators, "_read_look", look_and_change)
    assert many_operators.draw_among_many(source.pk, actor="test", rng=Random(1)) is None


@pytest.mark.postgresql
def test_a_table_emptied_at_once_is_seen(source):
    before = version(source)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # PostgreSQL wants none to be open
        cursor.execute(f"TRUNCATE {TABLE}")
    assert version(source) != before


@pytest.mark.postgresql
def test_a_session_that_looks_nowhere_for_tables_may_write_weights(source):
    before = version(source)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = ''")
        cursor.execute(f"UPDATE public.{TABLE} SET weight = 100")
        cursor.execute("SET LOCAL search_path = public")
    assert version(source) != before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", [Source, OperatorSourceWeight])
def test_triggers_outlive_a_migration_of_their_tables_as_the_docs_have_it(source, model):
    before = version(source)
    with connection.schema_editor() as editor:
        drop_triggers(apps, editor)
    by_hand(source)
    assert version(source) == before
    with connection.schema_editor() as editor:
        if connection.vendor == "sqlite":
            editor._remake_table(model)
    with connection.schema_editor() as editor:
        create_triggers(apps, editor)
    again = version(source)
    assert again != before  # they may have changed meanwhile
    by_hand(source)
    assert version(source) != again


def test_the_database_says_who_is_free():
    for is_active, load, limit in [(True, 0, 1), (True, 1, 1), (False, 0, 1), (True, 2, 1)]:
        operator = OperatorFactory(is_active=is_active, current_load=load, max_load=limit)
        is_free = is_active and load < limit
        assert Operator.objects.filter(pk=operator.pk, is_free=is_free).exists()
    Operator.objects.update(is_active=True, current_load=0)
    assert not Operator.objects.filter(is_free=False).exists()
