"""API keys in Django's admin: shown once, never changed into another, revoked for good."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from distribution.keys import TOKEN, authenticate
from distribution.models import ApiKey
from distribution.tests.factories import SourceFactory, make_key

pytestmark = [pytest.mark.slow_on_postgresql, pytest.mark.django_db]

LIST = reverse("admin:distribution_apikey_changelist")
ADD = reverse("admin:distribution_apikey_add")


def url_of(key, page="change"):
    return reverse(f"admin:distribution_apikey_{page}", args=[key.pk])


def test_shows_a_new_key_once(admin_client):
    source = SourceFactory()

    data = {"name": "Demo bot", "source": source.pk, "_continue": "1"}
    first = admin_client.post(ADD, data, follow=True).content.decode()
    again = admin_client.get(url_of(ApiKey.objects.get())).content.decode()
    listed = admin_client.get(LIST).content.decode()

    found = re.search(TOKEN, first)
    assert found
    key = authenticate(found[0])
    assert (key.name, key.source, key.can_manage) == ("Demo bot", source, False)
    for page in (again, listed):
        assert key.prefix in page
        assert not re.search(TOKEN, page)
        assert key.digest not in page


def test_no_key_in_the_log(admin_client):
    response = admin_client.post(ADD, {"name": "Demo bot"}, follow=True)

    token = re.search(TOKEN, response.content.decode())[0]
    entry = LogEntry.objects.get()
    assert token not in f"{entry.object_repr} {entry.change_message}"


def test_only_the_name_of_a_key_changes(admin_client):
    token = make_key(source=SourceFactory())
    key = ApiKey.objects.get()
    data = {"name": "Renamed", "source": SourceFactory().pk, "can_manage": "on", "digest": "0" * 64}

    admin_client.post(url_of(key), data)

    after = authenticate(token)
    assert (after.name, after.source, after.can_manage) == ("Renamed", key.source, False)


def test_renaming_does_not_bring_a_key_back_that_was_revoked_meanwhile(admin_client, monkeypatch):
    token = make_key()
    key = ApiKey.objects.get()
    validate = ApiKey.full_clean

    def revoked_meanwhile(self, **kwargs):
        ApiKey.objects.update(revoked_at="2020-01-01T00:00Z")
        return validate(self, **kwargs)

    monkeypatch.setattr(ApiKey, "full_clean", revoked_meanwhile)
    admin_client.post(url_of(key), {"name": "Renamed"})

    assert ApiKey.objects.get().name == "Renamed"
    assert authenticate(token) is None


def test_asks_before_it_revokes_a_key(admin_client):
    token = make_key()
    key = ApiKey.objects.get()

    asked = admin_client.get(url_of(key, "revoke"))

    assert "This cannot be undone" in asked.content.decode()
    assert authenticate(token)


def test_revokes_a_key(admin_client):
    token, other = make_key(), make_key()
    key = ApiKey.objects.earliest("id")

    response = admin_client.post(url_of(key, "revoke"), follow=True)

    assert authenticate(token) is None
    assert authenticate(other)
    assert "The key is revoked." in response.content.decode()
    assert url_of(key, "revoke") not in response.content.decode()
    assert LogEntry.objects.get().object_id == str(key.pk)


def test_the_action_revokes_the_chosen_keys(admin_client):
    tokens = [make_key() for _ in range(3)]
    chosen = ApiKey.objects.order_by("id")[:2]
    data = {"action": "revoke_chosen", "_selected_action": [key.pk for key in chosen]}

    response = admin_client.post(LIST, data, follow=True)

    assert [bool(authenticate(token)) for token in tokens] == [False, False, True]
    assert "2 keys revoked." in response.content.decode()


def test_a_key_that_is_not_there_cannot_be_revoked(admin_client):
    response = admin_client.post(reverse("admin:distribution_apikey_revoke", args=[404]))

    assert response.status_code == 404
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_may_only_look_does_not_revoke(client, method):
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    client.force_login(looker)
    token = make_key()
    key = ApiKey.objects.get()

    response = getattr(client, method)(url_of(key, "revoke"))
    client.post(LIST, {"action": "revoke_chosen", "_selected_action": [key.pk]})

    assert response.status_code == 403
    assert authenticate(token)


def test_visitors_do_not_revoke(client):
    token = make_key()

    response = client.post(url_of(ApiKey.objects.get(), "revoke"))

    assert response.url.startswith(reverse("login"))
    assert authenticate(token)


def test_keys_are_never_deleted(admin_client):
    token = make_key()
    key = ApiKey.objects.get()

    response = admin_client.post(url_of(key, "delete"), {"post": "yes"})
    data = {"action": "delete_selected", "_selected_action": [key.pk], "post": "yes"}
    admin_client.post(LIST, data)

    assert response.status_code == 403
    assert authenticate(token)


@pytest.mark.parametrize(("state", "names"), [("live", {"Live"}), ("revoked", {"Dead"})])
def test_filters_keys_by_state(admin_client, state, names):
    make_key()
    make_key()
    ApiKey.objects.update(name="Live")
    ApiKey.objects.filter(pk=ApiKey.objects.earliest("id").pk).update(
        name="Dead", revoked_at="2020-01-01T00:00Z"
    )

    response = admin_client.get(f"{LIST}?state={state}")

    assert {key.name for key in response.context["cl"].result_list} == names


def test_a_managing_key_for_one_source_is_refused_in_the_form(admin_client):
    source = SourceFactory()
    data = {"name": "Both", "source": source.pk, "can_manage": "on"}

    page = admin_client.post(ADD, data)

    assert page.status_code == 200
    assert "cannot be bound to one" in page.content.decode()
    assert not ApiKey.objects.exists()
