"""Worlds of a few rows in which any two moves meet, kept so that they are quickly there again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import connection

from distribution.models import Operator, OperatorSourceWeight, Source
from leads.models import Assignment, Contact
from leads.services import ContactRequest, close_contact, register_contact
from minicrm.backups.tables import columns


@dataclass
class World:
    """A source S, its operators X and Y, and what `WORLDS` says, by name.

    Z is off. V has places but no weight. U is a source that is off. The contact "old" is closed
    and was X's, "one" is with X, "two" with Y.
    """

    name: str
    sources: dict[str, int] = field(default_factory=dict)
    operators: dict[str, int] = field(default_factory=dict)
    weights: dict[str, int] = field(default_factory=dict)
    contacts: dict[str, int] = field(default_factory=dict)

    def add_source(self, name: str, *, is_active: bool = True) -> None:
        self.sources[name] = Source.objects.create(name=name, is_active=is_active).pk

    def add_operator(self, name: str, *, serves: str, weight: int = 1, **values: Any) -> None:
        self.operators[name] = Operator.objects.create(name=name, **values).pk
        for source in serves:
            row = OperatorSourceWeight.objects.create(
                operator_id=self.operators[name], source_id=self.sources[source], weight=weight
            )
            self.weights[name + source] = row.pk

    def add_contact(self, name: str, *, source: str) -> None:
        request = ContactRequest(self.sources[source], external_id=name, message=name)
        self.contacts[name] = register_contact(request, actor="test").receipt["id"]


def _full(world: World, *, limit_of_y: int = 1) -> None:
    world.add_source("S")
    world.add_operator("X", serves="S", max_load=1)
    world.add_operator("Y", serves="S", max_load=limit_of_y)
    world.add_operator("Z", serves="S", max_load=2, is_active=False)
    world.add_operator("V", serves="S", max_load=2, weight=0)
    world.add_contact("old", source="S")
    close_contact(world.contacts["old"], actor="test")
    world.add_contact("one", source="S")
    world.add_contact("two", source="S")


def _room(world: World) -> None:
    _full(world, limit_of_y=2)


def _queue(world: World) -> None:
    _full(world)
    world.add_contact("queued", source="S")


def _shared(world: World) -> None:
    for name in "ST":
        world.add_source(name)
    world.add_source("U", is_active=False)
    world.add_operator("X", serves="STU", max_load=1)
    world.add_operator("Y", serves="T", max_load=1)
    world.add_operator("Z", serves="TS", max_load=1, is_active=False)
    world.add_operator("V", serves="SU", max_load=1, weight=0)
    world.add_contact("old", source="T")
    close_contact(world.contacts["old"], actor="test")
    world.add_contact("one", source="S")
    world.add_contact("two", source="T")
    world.add_contact("parked", source="U")
    world.add_contact("later", source="T")
    world.add_contact("queued", source="S")


def _backlog(world: World) -> None:
    _queue(world)
    world.add_contact("second", source="S")
    world.add_contact("third", source="S")


WORLDS: dict[str, Callable[[World], None]] = {
    "full": _full,  # nobody waits, nobody is free
    "room": _room,  # Y has a second place
    "queue": _queue,  # as full, and one waits
    "shared": _shared,  # X serves three sources, one of them off; somebody waits in each
    "backlog": _backlog,  # three wait; for moves that need several transactions
}

_kept: dict[str, tuple[Any, World]] = {}


def keep_world(name: str) -> World:
    """Build a world and keep a copy of its rows, unless this connection has one already."""
    raw_connection, world = _kept.get(name, (None, None))
    if world is None or raw_connection is not connection.connection:
        _run([f"DELETE FROM {table}" for table in _tables()])
        world = World(name)
        WORLDS[name](world)
        _run(
            f"CREATE TEMPORARY TABLE {name}_{table} AS SELECT {names} FROM {table}"
            for table, names in _tables().items()
        )
        _kept[name] = connection.connection, world
    return world


def restore(world: World) -> None:
    """Put the rows of the world in place of whatever there is."""
    tables = _tables()
    statements = [f"DELETE FROM {table}" for table in tables]
    statements += [
        f"INSERT INTO {table} ({names}) SELECT {names} FROM {world.name}_{table}"
        for table, names in tables.items()
    ]
    _run(statements)


def state_of(world: World) -> dict[str, Any]:
    """Return all that the moves may change, by names: two equal histories give equal states."""
    names = {pk: name for name, pk in world.operators.items()} | {None: None}
    contacts = Contact.objects.values_list("message", "status", "operator_id", "version")
    periods: dict[str, list[tuple[Any, ...]]] = {}
    rows = Assignment.objects.order_by("pk").values_list(
        "contact__message", "operator_id", "method", "ended_as"
    )
    for contact, operator_id, *rest in rows:
        periods.setdefault(contact, []).append((names[operator_id], *rest))
    return {
        "operators": sorted(
            Operator.objects.values_list("name", "is_active", "max_load", "current_load")
        ),
        "contacts": sorted(
            (contact, status, names[operator_id], version)
            for contact, status, operator_id, version in contacts
        ),
        "periods": periods,
    }


def _tables() -> dict[str, str]:
    """Return the columns of each table, as a list in SQL, but those that the database fills."""
    models = [
        model
        for app in ("distribution", "leads")
        for model in apps.get_app_config(app).get_models()
    ]
    return {
        model._meta.db_table: ", ".join(str(field.column) for field in columns(model))
        for model in models
    }


def _run(statements: Any) -> None:
    """Run plain statements in one transaction, as quickly as each database can."""
    script = ";\n".join(statements)
    if connection.vendor == "postgresql":
        connection.ensure_connection()
        connection.connection.execute(script)
    else:
        connection.ensure_connection()
        connection.connection.executescript(f"BEGIN IMMEDIATE;\n{script};\nCOMMIT")
