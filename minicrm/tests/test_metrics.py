"""/metrics: who gets an answer, what is in it, and how requests are counted."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from distribution.models import Source
from distribution.tests.factories import SourceFactory
from leads.tests.factories import WaitingContactFactory
from minicrm import __version__
from minicrm.metrics import worker_files
from minicrm.metrics.request_times import RequestTimesMiddleware
from minicrm.tests.client import api_with_key

TOKEN = "Abc-123_" * 5
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def token(settings):
    settings.METRICS_TOKEN = TOKEN


def ask(client=None, **headers):
    return (client or Client()).get("/metrics", headers=headers or BEARER)


def samples(client=None):
    """Return {(name, labels): value} of an answer, as Prometheus reads it."""
    response = ask(client)
    assert response.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def one(found, series, **labels):
    return found.get((series, frozenset(labels.items())))


@pytest.mark.django_db
@pytest.mark.any_database
@pytest.mark.parametrize("headers", [{}, BEARER, {"Authorization": "Bearer "}])
def test_without_a_token_set_there_is_no_such_page(headers):
    response = Client().get("/metrics", headers=headers)
    assert response.status_code == 404
    assert b"minicrm_" not in response.content


@pytest.mark.django_db
@pytest.mark.any_database
@pytest.mark.parametrize(
    "header",
    [
        None, "", "Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", TOKEN,
        f"Basic {TOKEN}", f"Bearer {TOKEN.lower()}", "Bearer Ж" * 10, f"Bearer {TOKEN} {TOKEN}",
    ],
)  # fmt: skip
def test_wrong_token(token, header):
    response = Client().get("/metrics", headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert "no-store" in response["Cache-Control"]
    assert b"minicrm_" not in response.content


@pytest.mark.django_db
@pytest.mark.any_database
def test_a_key_of_the_api_or_a_signed_in_administrator_are_no_token(token, administrator):
    key = api_with_key(can_manage=True).token
    assert Client().get("/metrics", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    assert administrator.get("/metrics").status_code == 401


@pytest.mark.django_db
@pytest.mark.any_database
def test_answer_is_for_prometheus_and_for_no_cache(token):
    response = ask()
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "no-store" in response["Cache-Control"]
    assert response["X-Request-ID"]
    assert not response.cookies
    refused = Client().post("/metrics", headers=BEARER)
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")
    assert Client().head("/metrics", headers=BEARER).content == b""


@pytest.mark.django_db
def test_numbers_of_the_database(token):
    source = SourceFactory()
    WaitingContactFactory(source=source)
    found = samples()
    pk = str(source.pk)
    assert one(found, "minicrm_contacts", source_id=pk, status="waiting") == 1
    assert one(found, "minicrm_contacts_received_total", source_id=pk) == 1
    assert one(found, "minicrm_database_up") == 1
    assert one(found, "minicrm_migrations_pending") == 0
    [build] = [dict(labels) for name, labels in found if name == "minicrm_build_info"]
    assert (build["version"], build["database"]) == (__version__, connection.vendor)


@pytest.mark.django_db
@pytest.mark.any_database
@pytest.mark.parametrize("name", ['A "b" \\ c', "back\\nslash", "Ж — 日本", "{x=1} 2", "a\nb 1"])
def test_names_do_not_break_the_format(token, name):
    source = SourceFactory()
    Source.objects.filter(pk=source.pk).update(name=name)
    assert one(samples(), "minicrm_source_info", source_id=str(source.pk), name=name) == 1


@pytest.mark.django_db(transaction=True)
def test_database_that_is_gone_is_a_number_too(token):
    connection.close()
    nowhere = {"NAME": "/nowhere/x.sqlite3", "HOST": "127.0.0.1", "PORT": "9"}
    before = {name: connection.settings_dict[name] for name in nowhere}
    connection.settings_dict.update(nowhere)
    try:
        found = samples()
    finally:
        connection.close()
        connection.settings_dict.update(before)
    assert one(found, "minicrm_database_up") == 0
    assert any(name == "minicrm_build_info" for name, _labels in found)
    assert not any(name.startswith("minicrm_contacts") for name, _labels in found)
    assert one(samples(), "minicrm_database_up") == 1


@pytest.mark.django_db
@pytest.mark.any_database
def test_last_backup(token, settings):
    name = "minicrm_last_backup_timestamp_seconds"
    record = settings.DATA_DIR / "last_backup.json"
    assert one(samples(), name) is None
    record.write_text(json.dumps({"time": "2026-11-22T09:00:00Z", "bytes": 12_345}))
    found = samples()
    assert one(found, name) == 1_795_338_000
    assert one(found, "minicrm_last_backup_bytes") == 12_345
    for damaged in ("", "[]", "{}", '{"time": 5, "bytes": 1}', '{"time": "soon", "bytes": 1}'):
        record.write_text(damaged)
        assert one(samples(), name) is None


# Request times --------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.any_database
@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        ("GET", "/healthz", {"method": "GET", "route": "/healthz", "status": "2xx"}),
        ("POST", "/healthz", {"method": "POST", "route": "/healthz", "status": "4xx"}),
        (
            "GET", "/leads/12345/?q=x",
            {"method": "GET", "route": "/leads/<int:pk>/", "status": "3xx"},
        ),
        ("BREW", "/healthz", {"method": "other", "route": "/healthz", "status": "4xx"}),
        ("GET", "/no/such/place", {"method": "GET", "route": "(none)", "status": "4xx"}),
        (
            "GET", "/static/css/app.css",
            {"method": "GET", "route": "(static files)", "status": "4xx"},  # none in tests
        ),
        ("GET", "/api/v1/nowhere", {"method": "GET", "route": "(none)", "status": "4xx"}),
    ],
)  # fmt: skip
def test_requests_are_counted_by_method_route_and_status(token, method, path, labels):
    client = Client()
    before = one(samples(client), "minicrm_request_seconds_count", **labels) or 0
    for _ in range(3):
        client.generic(method, path)
    found = samples(client)
    assert one(found, "minicrm_request_seconds_count", **labels) == before + 3
    assert one(found, "minicrm_request_seconds_bucket", le="+Inf", **labels) == before + 3
    assert one(found, "minicrm_request_seconds_sum", **labels) > 0


@pytest.mark.django_db
@pytest.mark.any_database
def test_strangers_cannot_add_series(token):
    client = Client()
    samples(client)
    client.get("/no/such/place")
    client.generic("BREW", "/healthz")
    before = len(samples(client))
    for number in range(20):
        client.get(f"/made/up/{number}")
        client.generic(f"BREW{number}", "/healthz")
        client.get(f"/leads/{number}/")
    found = samples(client)
    new = len(found) - before
    per_series = 15  # buckets, sum and count
    assert new <= 2 * per_series  # /leads/<int:pk>/, and what these tests ask themselves


@pytest.mark.any_database
def test_middleware_is_not_there_without_a_token():
    with pytest.raises(MiddlewareNotUsed):
        RequestTimesMiddleware(lambda request: None)


# Places of workers ----------------------------------------------------------------------------


@pytest.mark.any_database
def test_worker_takes_the_first_free_place():
    taken = [SimpleNamespace(place=place) for place in (0, 3, 1)]
    new = SimpleNamespace()
    worker_files.take_place(iter(taken), new)
    assert new.place == 2
    worker_files.take_place(iter([*taken, SimpleNamespace(place=2)]), new)
    assert new.place == 4
    worker_files.take_place(iter([]), new)
    assert new.place == 0


@pytest.mark.any_database
def test_folders_of_servers_that_are_gone_are_removed_and_no_others(tmp_path, monkeypatch):
    monkeypatch.delenv(worker_files.FOLDER, raising=False)
    gone = tmp_path / f"{worker_files.PREFIX}gone"
    gone.mkdir()
    (gone / "lock").touch()
    (gone / "histogram_0.db").write_bytes(b"x")
    other = tmp_path / "somebody-elses"
    other.mkdir()
    worker_files.make_folder(str(tmp_path))
    ours = tmp_path / os.environ[worker_files.FOLDER]
    worker_files.make_folder(str(tmp_path))  # a second server, as during an upgrade
    second = tmp_path / os.environ[worker_files.FOLDER]
    assert not gone.exists()
    assert other.exists()
    assert ours.exists()
    assert ours != second
    assert ours.stat().st_mode & 0o077 == 0
    worker_files.remove_folder()
    assert ours.exists()
    assert not second.exists()


# Setting --------------------------------------------------------------------------------------


@pytest.mark.any_database
@pytest.mark.parametrize("value", ["short", "x" * 31, "with a space" * 5, "Ж" * 40])
def test_token_that_could_be_guessed_or_not_be_sent_stops_the_start(value):
    result = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env=os.environ | {"METRICS_TOKEN": value},
        cwd=django_settings.BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("mini-crm: METRICS_TOKEN must be empty, or at least 32 ")
    assert value not in result.stderr
