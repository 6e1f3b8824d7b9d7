"""Which layer a function belongs to, and how the time of a call is told by them."""

import contextlib
import cProfile
import json
import pstats
from types import SimpleNamespace

import pytest

from benchmarks import layers, profiled, profiling
from benchmarks.layers import layer_of
from benchmarks.part import Run
from benchmarks.stage import Books, Shape, WorldError

pytestmark = pytest.mark.any_database

SITE = "/x/lib/python3.11/site-packages"


@pytest.mark.parametrize(
    ("file", "layer"),
    [
        ("/x/leads/services/registration.py", "services"),
        ("/x/distribution/selection.py", "services"),
        ("/x/distribution/authentication.py", "API key"),
        ("/x/leads/api/contacts.py", "ninja"),
        (f"{SITE}/ninja/operation.py", "ninja"),
        ("/x/minicrm/parsing.py", "pydantic"),
        ("/x/minicrm/middleware.py", "middleware"),
        (f"{SITE}/django/middleware/csrf.py", "middleware"),
        (f"{SITE}/django/contrib/sessions/middleware.py", "middleware"),
        (f"{SITE}/django/db/models/query.py", "ORM"),
        (f"{SITE}/django/db/backends/utils.py", "connection, transactions"),
        (f"{SITE}/psycopg/cursor.py", "SQL driver"),
        (f"{SITE}/django/urls/resolvers.py", "Django's handler, request, addresses"),
        ("/x/lib/python3.11/json/encoder.py", "JSON"),
        ("/x/lib/python3.11/collections/__init__.py", layers.REST),
    ],
)
def test_every_file_has_its_layer(file, layer):
    assert layer_of((file, 1, "name")) == layer


def test_built_in_functions_of_a_driver_are_the_drivers():
    name = "<method 'execute' of 'sqlite3.Cursor' objects>"
    assert layer_of(("~", 0, name)) == "SQL driver"
    assert layer_of(("~", 0, "<built-in method builtins.len>")) is None


@pytest.fixture
def stats():
    """What cProfile would tell of a service that asks a query, each of them for a length."""
    service, query = ("/x/leads/services/a.py", 1, "f"), (f"{SITE}/django/db/models/q.py", 1, "g")
    bench, length = ("/x/benchmarks/profiling.py", 1, "ask"), ("~", 0, "<built-in method len>")
    callers = {service: (1, 1, 2.0, 9.0), query: (1, 1, 4.0, 9.0), bench: (1, 1, 16.0, 9.0)}
    rows = {
        service: (1, 1, 1.0, 99.0, {bench: (1, 1, 1.0, 99.0)}),
        query: (1, 1, 8.0, 50.0, {service: (1, 1, 8.0, 50.0)}),
        length: (3, 3, 22.0, 22.0, callers),
        bench: (1, 1, 32.0, 200.0, {}),
    }
    return SimpleNamespace(stats=rows)


def test_a_built_in_functions_time_is_its_callers(stats):
    assert layers.seconds_by_layer(stats) == {"ORM": 12.0, "services": 3.0}


def test_the_longest_functions_are_named(stats):
    found = layers.longest(stats, 2)
    assert list(found.items()) == [("<built-in method len>", 22.0), ("models/q.py: g", 8.0)]


def test_a_built_in_function_is_named_without_where_it_lies_in_memory():
    name = "<function CursorWrapper.execute at 0x7f57da505d00>"
    assert layers.name_of(("~", 0, name)) == "<function CursorWrapper.execute>"


def test_reads_what_the_profiler_tells():
    profile = cProfile.Profile()
    profile.enable()
    json.dumps({str(n): n for n in range(2_000)}, indent=1)
    profile.disable()
    assert layers.seconds_by_layer(pstats.Stats(profile))["JSON"] > 0


def test_statements_are_told_without_what_differs():
    assert profiling.shape_of('SAVEPOINT "s1_x2"') == "SAVEPOINT …"
    assert profiling.shape_of('SELECT  "a"\n FROM "b"') == "SELECT a FROM b"
    long = profiling.shape_of("SELECT " + "column, " * 50 + "last FROM somewhere WHERE id = %s")
    assert long.startswith("SELECT column")
    assert long.endswith("FROM somewhere WHERE id = %s")
    assert len(long) <= 100


@pytest.fixture
def profile_of(monkeypatch):
    """Profiles arrivals of which so many were acknowledged, and so many are found stored."""
    told = {"client_ms": 1.0, "server_ms": 0.0, "layers": {}, "functions": {}, "statements": []}

    def profile_of(*, posted, stored):
        def verify():
            if books.posted != stored:
                raise WorldError("contacts are missing")
            return {"contacts": stored}

        books = Books()
        stage = SimpleNamespace(world={"token": "t", "hot": 1}, env={}, books=books, verify=verify)

        @contextlib.contextmanager
        def stages(*arguments):
            yield [stage]

        monkeypatch.setattr(profiled, "running_stages", stages)
        output = json.dumps(told | {"posted": posted})
        monkeypatch.setattr(profiled, "module_output", lambda *arguments: output)
        return profiled.measure(Run("sqlite", 1, 1.0, Shape()))

    return profile_of


def test_the_promises_are_looked_at_after_a_profile_too(profile_of):
    assert profile_of(posted=650, stored=650).counts == {"": {"contacts": 650}}
    with pytest.raises(WorldError, match="missing"):
        profile_of(posted=650, stored=649)


def test_the_tables_tell_the_cpu_time_of_each_layer():
    statements = [
        {"sql": "INSERT", "times": 2, "us": 250.0},
        {"sql": "COMMIT", "times": 1, "us": 500},
    ]
    done = {"client_ms": 4.0, "server_ms": 1.0, "layers": {"ORM": 0.75}, "statements": statements}
    done["functions"] = {"query.py: filter": 0.25}
    lines = profiled._lines(done)
    assert "| ORM | 75.0% | 3.000 |" in lines
    assert "| `query.py: filter` | 25.0% | 1.000 |" in lines
    assert "| `INSERT` | 2 | 250 |" in lines
    assert "3 statements, 1.00 ms altogether." in lines
