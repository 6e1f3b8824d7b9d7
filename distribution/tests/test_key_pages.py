"""The pages of API keys: made and shown once, rotated, revoked."""

import re
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from distribution.keys import authenticate, create_api_key, revoke_api_key
from distribution.models import ApiKey, AuditEvent, Source
from distribution.tests.factories import SourceFactory, make_key
from distribution.views.keys import keys_of
from leads.models import Assignment, Contact
from minicrm.tests.pages import queries_of, said
from minicrm.tests.people import sign_in
from minicrm.tests.server import running_server

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

LIST = reverse("distribution:keys")
NEW = reverse("distribution:create_key")
TOKEN = re.compile(r"mcrm_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
HTMX = {"HX-Request": "true"}


def make(name="Demo bot", **kwargs):
    return create_api_key(name=name, actor="test", **kwargs)[0]


def rotate_url(key):
    return reverse("distribution:rotate_key", args=[key.pk])


def revoke_url(key):
    return reverse("distribution:revoke_key", args=[key.pk])


def made_in(response):
    """Return the prefix that the form on a page carries."""
    return re.search(r'name="made" value="([0-9a-f]{12})"', response.content.decode())[1]


def token_in(response):
    return TOKEN.search(response.content.decode())[0]


def listed(response):
    return [key.name for key in response.context["keys"]]


# The list -------------------------------------------------------------------------------------


def test_lists_the_keys_that_work(administrator):
    source = SourceFactory(name="Demo source")
    make("Old"), make("New", source=source), revoke_api_key(make("Gone"), actor="test")

    response = administrator.get(LIST)

    assert listed(response) == ["New", "Old"]
    assert "Demo source" in response.content.decode()
    assert listed(administrator.get(LIST, {"state": "revoked"})) == ["Gone"]
    assert listed(administrator.get(LIST, {"state": "all"})) == ["Gone", "New", "Old"]
    assert listed(administrator.get(LIST, {"source": source.pk})) == ["New"]


@pytest.mark.parametrize("number", ["9" * 30, str(2**63), "-1", "\0", "x", "٣"])
def test_nonsense_in_the_address_is_no_error(administrator, number):
    make()

    for name in ("source", "before", "after", "state"):
        assert administrator.get(LIST, {name: number}).status_code == 200
    assert administrator.get(NEW, {"source": number}).status_code == 200


def test_leafs_through_many_keys(administrator):
    for number in range(120):
        make(f"Key {number}")

    pages = [administrator.get(LIST)]
    while older := pages[-1].context["page"].older:
        pages.append(administrator.get(LIST + older))
    back = administrator.get(LIST + pages[2].context["page"].newer)

    assert [name for page in pages for name in listed(page)] == [
        f"Key {number}" for number in reversed(range(120))
    ]
    assert listed(back) == listed(pages[1])
    assert listed(administrator.get(LIST + back.context["page"].newer)) == listed(pages[0])


def test_the_list_takes_as_many_queries_for_many_keys(administrator):
    source = SourceFactory()
    make(source=source)
    few = queries_of(administrator, LIST)
    for _ in range(45):
        make(source=source)

    assert queries_of(administrator, LIST) == few <= 10


@pytest.mark.parametrize("role", [None, "viewer", "supervisor"])
def test_only_administrators_see_and_change_keys(role):
    client, key = sign_in(role), make()

    answers = [client.get(url) for url in (LIST, NEW, rotate_url(key), revoke_url(key))]
    answers += [client.post(url, {"name": "x"}) for url in (NEW, rotate_url(key), revoke_url(key))]

    assert {answer.status_code for answer in answers} == {403}
    assert ApiKey.objects.get().revoked_at is None


def test_strangers_are_sent_to_sign_in():
    key = make()
    for url in (LIST, NEW, rotate_url(key), revoke_url(key)):
        assert Client().post(url).url == f"{reverse('login')}?next={url}"
    assert ApiKey.objects.get().revoked_at is None


def test_wrong_methods_are_refused(administrator):
    key = make()

    assert administrator.post(LIST).status_code == 405
    for url in (NEW, rotate_url(key), revoke_url(key)):
        assert administrator.put(url).status_code == 405


# Making ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_makes_a_key_and_shows_it(administrator, headers):
    source = SourceFactory()
    data = {"name": " Demo bot ", "source": source.pk, "made": made_in(administrator.get(NEW))}

    response = administrator.post(NEW, data, headers=headers)

    key = authenticate(token_in(response))
    assert (key.name, key.source, key.can_manage) == ("Demo bot", source, False)
    event = AuditEvent.objects.get()
    assert event.actor == f"user:{administrator.user.pk}"
    assert (event.action, event.object_id) == ("created", key.pk)


def test_the_key_is_on_that_page_alone(administrator, caplog):
    response = administrator.post(NEW, {"name": "Demo bot"})
    token = token_in(response)
    secret = token.split("_", 2)[2]  # which may have such a line in it

    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert secret not in f"{response.headers}{response.cookies}{caplog.text}"
    assert secret not in "".join(row.session_data for row in Session.objects.all())
    assert not list(get_messages(response.wsgi_request))
    assert secret not in str(list(AuditEvent.objects.values()))
    assert secret not in administrator.get(LIST).content.decode()


def test_the_same_form_twice_makes_one_key(administrator):
    data = {"name": "Demo bot", "made": made_in(administrator.get(NEW))}

    administrator.post(NEW, data)
    again = administrator.post(NEW, data)

    assert ApiKey.objects.count() == 1
    assert again.status_code == 409
    assert "made already" in again.content.decode()
    assert not TOKEN.search(again.content.decode())


def test_each_form_makes_a_key_of_its_own(administrator):
    for _ in range(2):
        administrator.post(NEW, {"name": "Demo", "made": made_in(administrator.get(NEW))})

    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize("made", ["", "\0", "x" * 12, "A" * 12, "0" * 12 + "\n"])
def test_a_form_with_a_spoilt_mark_makes_a_key_all_the_same(administrator, made):
    key = authenticate(token_in(administrator.post(NEW, {"name": "Demo", "made": made})))

    assert re.fullmatch("[0-9a-f]{12}", key.prefix)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"name": "  "}, "This field is required"),
        ({"name": "a\u202eb"}, "bidirectional"),
        ({"name": "x" * 121}, "at most 120"),
        ({"name": "Kept", "source": 10**30}, "not one of the available"),
        ({"name": "Kept", "source": "one", "can_manage": "on"}, "it cannot be bound to one"),
    ],
)
def test_a_wrong_form_is_shown_again(administrator, data, complaint):
    if data.get("source") == "one":
        data["source"] = SourceFactory().pk

    response = administrator.post(NEW, data | {"made": "0123456789ab"})

    assert response.status_code == 422
    page = unescape(response.content.decode())
    assert complaint in page
    assert made_in(response) == "0123456789ab"
    assert f'value="{data["name"]}"' in page or not data["name"].strip()
    assert not ApiKey.objects.exists()


def test_the_source_in_the_address_is_chosen(administrator):
    source = SourceFactory()

    page = administrator.get(NEW, {"source": source.pk}).content.decode()

    assert f'<option value="{source.pk}" selected>' in page


# Rotating -------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_rotation_makes_a_like_key_and_both_work(administrator, headers):
    source = SourceFactory()
    old_token = make_key(source=source)
    old = authenticate(old_token)
    made = made_in(administrator.get(rotate_url(old)))

    response = administrator.post(rotate_url(old), {"made": made}, headers=headers)

    new = authenticate(token_in(response))
    assert (new.name, new.source, new.can_manage) == (old.name, source, False)
    assert authenticate(old_token) == old != new
    assert revoke_url(old) in response.content.decode()
    assert administrator.post(rotate_url(old), {"made": made}).status_code == 409
    assert ApiKey.objects.count() == 2


def test_rotation_keeps_the_right_to_manage(administrator):
    response = administrator.post(rotate_url(make(can_manage=True)))

    assert authenticate(token_in(response)).can_manage


def test_a_revoked_key_is_not_rotated(administrator):
    key = make()
    revoke_api_key(key, actor="test")

    response = administrator.post(rotate_url(key))

    assert response.status_code == 409
    assert "This key is revoked." in response.content.decode()
    assert ApiKey.objects.count() == 1


# Revoking -------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_revokes_a_key_after_asking(administrator, headers):
    token = make_key()
    key = authenticate(token)

    asked = administrator.get(revoke_url(key), headers=headers).content.decode()
    still_works = authenticate(token)
    response = administrator.post(revoke_url(key), {"next": "/?a=b"}, headers=headers)

    assert "This cannot be undone" in asked
    assert still_works
    assert authenticate(token) is None
    assert response.url == "/?a=b"
    assert said(response) == ["The key Test key is revoked."]
    assert AuditEvent.objects.first().actor == f"user:{administrator.user.pk}"


def test_revoking_again_changes_nothing(administrator):
    key = make()
    administrator.post(revoke_url(key))
    before = ApiKey.objects.get().revoked_at

    response = administrator.post(revoke_url(key))

    assert response.url == LIST
    assert ApiKey.objects.get().revoked_at == before
    assert AuditEvent.objects.filter(action="revoked").count() == 1


@pytest.mark.parametrize("name", ["rotate_key", "revoke_key"])
@pytest.mark.parametrize("pk", [1, 2**63, 10**25])
def test_a_key_that_is_not_there(administrator, name, pk):
    url = reverse(f"distribution:{name}", args=[pk])

    assert administrator.get(url).status_code == 404
    assert administrator.post(url).status_code == 404


# On a source's page ---------------------------------------------------------------------------


def test_keys_of_a_source_are_those_that_may_post_for_it():
    source = SourceFactory()
    for_all = make("All")
    own = make("Own", source=source)
    make("Other", source=SourceFactory())
    revoke_api_key(make("Gone", source=source), actor="test")

    assert keys_of(source) == [own, for_all]


# What one pastes ------------------------------------------------------------------------------


def snippet(page, name):
    return unescape(re.search(rf'id="snippet-{name}"[^>]*>(.*?)</code>', page, re.S)[1])


@pytest.mark.django_db(transaction=True)
def test_the_snippets_send_a_contact(administrator):
    source = SourceFactory()
    with running_server(workers=1) as server:
        host = f"127.0.0.1:{server.port}"
        for bound_to in (source.pk, ""):
            data = {"name": "Demo", "source": bound_to}
            page = administrator.post(NEW, data, headers={"Host": host}).content.decode()
            code = snippet(page, "python")
            said_by_python = [run(code), run(code)]
            status = send(server, snippet(page, "curl"), host)

            first, second = Contact.objects.order_by("pk")
            assert said_by_python == [f"Contact {first.pk} is waiting\n"] * 2
            assert (status, second.source, second.message) == (201, source, "Hello!")
            Assignment.objects.all().delete()
            Contact.objects.all().delete()


def run(code):
    """Return what a Python program of its own prints."""
    ran = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True)
    assert not ran.stderr
    return ran.stdout


def test_the_snippets_of_a_source_ask_for_the_key_in_the_environment(administrator):
    source, request = SourceFactory(pk=1_234), RequestFactory().get("/")

    page = render_to_string("keys/_card.html", {"source": source, "keys": []}, request)

    assert 'KEY = os.environ["MINICRM_API_KEY"]' in snippet(page, "python")
    assert "Bearer $MINICRM_API_KEY" in page
    assert '"source_id": 1234,' in snippet(page, "curl")
    compile(snippet(page, "python"), "snippet", "exec")


def send(server, command, host):
    """Send what the command has curl send, as a shell reads it; return the answer's status."""
    told = 'curl() { printf "%s\\0" "$@"; }\n'  # there need be no curl on this machine
    ran = subprocess.run(["sh", "-e"], input=told + command, capture_output=True, text=True)
    option, address, *rest = ran.stdout.split("\0")[:-1]
    pairs = list(zip(rest[::2], rest[1::2], strict=True))
    assert (option, address) == ("-sS", f"http://{host}/api/v1/contacts/"), ran.stderr
    headers = dict(value.split(": ", 1) for flag, value in pairs if flag == "-H")
    [body] = [value for flag, value in pairs if flag != "-H"]
    with closing(server.connect()) as client:
        client.request("POST", "/api/v1/contacts/", body, headers)
        return client.getresponse().status


def test_the_page_of_a_key_that_is_used_says_when(administrator):
    token = make_key()
    authenticate(token)
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(hours=5))

    assert "5 h</time>" in administrator.get(LIST).content.decode()
    assert Source.objects.count() == 0
