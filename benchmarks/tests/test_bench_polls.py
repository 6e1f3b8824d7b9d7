"""Polls over HTTP: who asks, and that all of them find the page as it was seen."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from django.urls import reverse

from benchmarks import pages, polls, supervisor
from benchmarks.load import LoadError
from benchmarks.rounds import Sample
from distribution.models import Source
from minicrm.roles import Role, role_of
from minicrm.tests.people import group_of

HEADERS = {"Cookie": "sessionid=x", "HX-Request": "true"}


@pytest.mark.django_db
def test_who_polls_is_a_supervisor_by_the_group_alone(monkeypatch):
    group_of(Role.SUPERVISOR)  # a test that commits may have emptied the tables
    client = supervisor.signed_in()
    # Else a full minute, which is news, may come between.
    monkeypatch.setattr("leads.overview.signature.time", SimpleNamespace(time=lambda: 0.0))
    answer = client.get(reverse("leads:overview"))
    user = answer.wsgi_request.user
    assert role_of(user) == Role.SUPERVISOR
    assert user.is_superuser is user.is_staff is False
    assert not user.user_permissions.exists()
    seen = {"seen": pages.seen_of(answer.text)}
    assert client.get(reverse("leads:overview"), seen, headers=pages.HTMX).status_code == 204
    assert supervisor.signed_in().session["_auth_user_id"] == str(user.pk)


@pytest.mark.django_db
def test_a_poll_that_met_the_full_minute_does_not_count_for_its_queries():
    met = iter([3, 1])

    def ask():
        for _ in range(next(met)):
            Source.objects.count()

    assert pages.queries_of(ask) == 1


class Page(BaseHTTPRequestHandler):
    """A page, whose polls are answered with 204 while it is as it was seen."""

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers["HX-Request"], self.headers["Cookie"]))
        if self.path == f"/?seen={server.state}":
            self.send_response(204)
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f'<input name="seen" value="{server.state}">'.encode())

    def log_message(self, *arguments):
        pass


@pytest.fixture
def page():
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as running:
        running.state, running.asked = 7, []
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def stage_at(page):
    """A stage whose loads do what they are told to the page, and are kept."""

    def stage_at(during=lambda: None):
        def take(case, seconds):
            taken.append((case, seconds))
            during()
            return Sample(100, seconds, 0.1)

        taken = []
        gunicorn = SimpleNamespace(port=page.server_address[1])
        return SimpleNamespace(gunicorn=gunicorn, take=take, taken=taken)

    return stage_at


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still but for naps, 20 s after a full minute."""
    clock = SimpleNamespace(now=600_020.0, naps=[])

    def sleep(seconds):
        clock.naps.append(round(seconds, 1))
        clock.now += seconds

    monkeypatch.setattr(polls, "time", SimpleNamespace(time=lambda: clock.now, sleep=sleep))
    return clock


@pytest.mark.any_database
def test_polls_what_was_seen_as_a_page(page, stage_at, clock):
    stage = stage_at()
    assert polls.take_unchanged(stage, "/", HEADERS, 4.0).done == 100
    ((case, seconds),) = stage.taken
    assert (case.method, case.path, case.headers, case.stores) == (
        "GET",
        "/?seen=7",
        HEADERS,
        False,
    )
    assert seconds == 4
    # First the page as a whole, and at the end the same poll once more.
    assert page.asked == [("/", "false", "sessionid=x"), ("/?seen=7", "true", "sessionid=x")]
    assert clock.naps == []


@pytest.mark.any_database
@pytest.mark.parametrize(("asked", "polled"), [(4.0, 4.0), (600.0, 30.0)])
def test_polls_within_one_minute(stage_at, clock, asked, polled):
    clock.now += 36  # 56 s after the full minute
    stage = stage_at()
    polls.take_unchanged(stage, "/", HEADERS, asked)
    assert clock.naps == [4.1]
    assert stage.taken[0][1] == polled


@pytest.mark.any_database
def test_a_page_that_changed_meanwhile_is_polled_again(page, stage_at, clock):
    stage = stage_at(lambda: setattr(page, "state", 8))
    polls.take_unchanged(stage, "/", HEADERS, 4.0)
    assert [case.path for case, _ in stage.taken] == ["/?seen=7", "/?seen=8"]


@pytest.mark.any_database
def test_a_page_that_never_stays_the_same_is_no_measurement(page, stage_at, clock):
    stage = stage_at(lambda: setattr(page, "state", page.state + 1))
    with pytest.raises(LoadError, match="does not stay as it was seen: its poll answers 200"):
        polls.take_unchanged(stage, "/", HEADERS, 4.0)
    assert len(stage.taken) == polls.TRIES
