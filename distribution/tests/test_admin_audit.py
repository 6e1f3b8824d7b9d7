"""Audit events in Django's admin: who, what, from what, to what; to look at, and nothing else."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse
from django.utils import translation

from distribution.audit import record
from distribution.keys import create_api_key, revoke_api_key
from distribution.models import AuditEvent
from distribution.tests.admin_pages import change_url, delete_url, list_url, queries_of
from distribution.tests.factories import OperatorFactory, SourceFactory

pytestmark = [pytest.mark.slow_on_postgresql, pytest.mark.django_db]

LIST = list_url("auditevent")


def note(obj=None, **kwargs):
    facts = {
        "actor": "test", "action": "changed", "obj_type": "operator",
        "object_id": obj.pk if obj else 77_777, "object_name": str(obj or "Demo operator"),
        "before": {"max_load": 1}, "after": {"max_load": 2},
    }  # fmt: skip
    record(**facts | kwargs)
    return AuditEvent.objects.first()


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)).strip()


def shown(client, **query):
    return list(client.get(LIST, query).context["cl"].result_list)


def difference(client, event):
    """Return the rows of an event's table, as on its own page."""
    page = client.get(change_url(event)).content.decode()
    table = re.search(r"<tbody>(.*?)</tbody>", page, re.S)
    return [
        [text_of(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
        for row in re.findall(r"<tr>(.*?)</tr>", table[1], re.S)
    ]


# What is shown --------------------------------------------------------------------------------


def test_shows_who_changed_what_the_newest_first(admin_client, admin_user):
    operator = OperatorFactory(name="Demo operator 3")
    key, _ = create_api_key(name="Bot", actor="create_api_key")
    note(operator, actor=f"api_key:{key.pk}")
    note(operator, actor=f"user:{admin_user.pk}")

    assert [event.who for event in shown(admin_client)] == [
        "admin", "API key Bot", "create_api_key",
    ]  # fmt: skip
    page = text_of(admin_client.get(LIST).content.decode())
    assert "admin changed operator: Demo operator 3 Limit: 1 → 2" in page
    assert f"create_api_key created API key: Bot ({key.prefix}) Name: Bot Prefix" in page


def test_the_list_shows_what_something_deleted_was(admin_client):
    note(action="deleted", before={"name": "A", "max_load": 3}, after=None)

    assert "Name: A Limit: 3 " in text_of(admin_client.get(LIST).content.decode())


def test_shows_only_what_differs_in_words(admin_client):
    before = {"name": "A", "is_active": True, "max_load": 1}
    event = note(before=before, after=before | {"is_active": False, "max_load": 2})

    assert difference(admin_client, event) == [["Active", "yes", "no"], ["Limit", "1", "2"]]
    with translation.override("ru"):
        admin_client.cookies["django_language"] = "ru"
        assert [row[0] for row in difference(admin_client, event)] == ["Включён", "Лимит"]


def test_shows_all_of_something_new_and_nothing_that_was_before(admin_client):
    event = note(action="created", before=None, after={"name": "A", "is_active": True})

    assert difference(admin_client, event) == [["Name", "A"], ["Active", "yes"]]


def test_nothing_instead_of_nothing_is_no_difference(admin_client):
    event = note(
        action="created", obj_type="group", before=None, after={"name": "A", "permissions": []}
    )

    assert difference(admin_client, event) == [["Name", "A"]]


def test_shows_which_permissions_came_and_went(admin_client):
    event = note(
        obj_type="user",
        before={"groups": ["Looking", "Keys"], "user_permissions": []},
        after={"groups": ["Keys", "Operators"], "user_permissions": []},
    )

    assert difference(admin_client, event) == [["Groups", "Looking", "Operators"]]


def test_shows_weights_under_the_operators_names(admin_client):
    operator = OperatorFactory(name="Demo operator 3")
    note(action="deleted", object_id=800_000_001, object_name="Demo operator 4", after=None)
    event = note(
        SourceFactory(),
        obj_type="weights",
        before={str(operator.pk): 1, "800000001": 5},
        after={str(operator.pk): 3, "800000002": 7},
    )

    assert difference(admin_client, event) == [
        ["Demo operator 3", "1", "3"],
        ["Demo operator 4 (deleted)", "5", "–"],
        ["#800000002", "–", "7"],
    ]


def test_shows_times_as_people_read_them(admin_client, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    event = note(
        obj_type="api_key", action="revoked",
        before={"revoked_at": None}, after={"revoked_at": "2030-01-01T12:00:00Z"},
    )  # fmt: skip

    assert difference(admin_client, event) == [["Revoked", "–", "1 Jan 2030, 13:00"]]


def test_a_long_list_of_differences_is_shown_whole_on_its_own_page_only(admin_client):
    event = note(obj_type="weights", before={}, after={str(n): n for n in range(1, 16)})

    listed = text_of(admin_client.get(LIST).content.decode())
    assert "#10" in listed
    assert "#11" not in listed
    assert "and 5 more" in listed
    assert len(difference(admin_client, event)) == 15


def test_names_are_text_and_not_markup(admin_client):
    note(object_name="<script>x</script>", after={"name": "<b>bold</b>"}, actor="<i>")

    page = admin_client.get(LIST).content.decode()

    assert "<script>x" not in page
    assert "<b>bold" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page


@pytest.mark.parametrize("kind", ["operator", "source", "api_key", "user", "group", "weights"])
def test_links_to_what_is_still_there(admin_client, kind):
    source = SourceFactory()
    obj = {
        "operator": OperatorFactory,
        "source": lambda: source,
        "weights": lambda: source,
        "api_key": lambda: create_api_key(name="Bot", actor="test")[0],
        "user": lambda: User.objects.create_user("anna"),
        "group": lambda: Group.objects.create(name="Keys"),
    }[kind]()
    url = reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[obj.pk])

    there = note(obj, obj_type=kind, before={}, after={"1": 1})
    assert f'"{url}"' in admin_client.get(LIST).content.decode()
    assert f'"{url}"' in admin_client.get(change_url(there)).content.decode()

    type(obj).objects.filter(pk=obj.pk).delete()
    assert f'"{url}"' not in admin_client.get(LIST).content.decode()
    assert f'"{url}"' not in admin_client.get(change_url(there)).content.decode()


# Found ----------------------------------------------------------------------------------------


def test_finds_events_by_kind_action_actor_object_and_name(admin_client, admin_user):
    operator = OperatorFactory(name="Demo operator 3")
    by_user = note(operator, actor=f"user:{admin_user.pk}")
    deleted = note(action="deleted", object_name="Gone", after=None)
    weights = note(obj_type="weights", object_name="Bot A", before={}, after={"5": 1})

    assert shown(admin_client, object_type__exact="weights") == [weights]
    assert shown(admin_client, action__exact="deleted") == [deleted]
    assert shown(admin_client, actor=by_user.actor) == [by_user]
    assert shown(admin_client, object_type__exact="operator", object_id=operator.pk) == [by_user]
    assert shown(admin_client, q="operator 3") == [by_user]
    assert shown(admin_client, q="nothing") == []


def test_offers_recent_actors_by_name_and_the_chosen_one(admin_client, admin_user, monkeypatch):
    monkeypatch.setattr("distribution.event_words.RECENT", 2)
    User.objects.create_user("anna", pk=500)
    for actor in ("user:500", "import", f"user:{admin_user.pk}"):
        note(actor=actor)

    def offered(**query):
        spec = admin_client.get(LIST, query).context["cl"].filter_specs[-1]
        return [name for _value, name in spec.lookup_choices]

    assert offered() == ["admin", "import"]
    assert offered(actor="user:500") == ["admin", "anna", "import"]


@pytest.mark.parametrize("actor", ["nobody", "user:x", f"user:{10**40}"])
def test_an_actor_who_did_nothing_is_no_error(admin_client, actor):
    note()

    assert shown(admin_client, actor=actor) == []


def test_the_list_needs_the_same_queries_for_any_number_of_events(admin_client):
    def act(count):
        for number in range(count):
            user = User.objects.create_user(f"user-{User.objects.count()}")
            key, _ = create_api_key(name="Bot", actor=f"user:{user.pk}")
            note(OperatorFactory(), actor=f"api_key:{key.pk}")
            note(SourceFactory(), obj_type="weights", before={}, after={str(number + 1): 1})
            note(obj_type="user", object_id=user.pk, actor=f"user:{90_000 + user.pk}")

    act(2)
    few = queries_of(admin_client, LIST)
    act(10)

    assert len(shown(admin_client)) == 48
    assert queries_of(admin_client, LIST) == few


# Nobody changes anything ----------------------------------------------------------------------


def test_nobody_adds_changes_or_deletes_events(admin_client):
    event = note()
    stored = AuditEvent.objects.values().get()

    added = admin_client.post(reverse("admin:distribution_auditevent_add"), {"actor": "x"})
    changed = admin_client.post(change_url(event), {"actor": "x", "object_name": "x"})
    deleted = admin_client.post(delete_url(event), {"post": "yes"})
    data = {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"}
    admin_client.post(LIST, data)

    assert [answer.status_code for answer in (added, changed, deleted)] == [403] * 3
    assert AuditEvent.objects.values().get() == stored


def test_only_who_may_look_at_events_does(client):
    looker = User.objects.create_user("looker", is_staff=True)
    client.force_login(looker)
    event = note()

    assert client.get(LIST).status_code == client.get(change_url(event)).status_code == 403
    looker.user_permissions.add(Permission.objects.get(codename="view_auditevent"))
    assert shown(client) == [event]


def test_visitors_are_sent_to_the_sign_in_page(client):
    assert client.get(LIST).url.startswith(reverse("login"))


# Keys -----------------------------------------------------------------------------------------


def test_what_is_done_with_keys_here_is_recorded_under_the_users_name(admin_client, admin_user):
    admin_client.post(reverse("admin:distribution_apikey_add"), {"name": "Bot"})
    event = AuditEvent.objects.get()
    url = reverse("admin:distribution_apikey_change", args=[event.object_id])
    admin_client.post(url, {"name": "Bot"})
    admin_client.post(url, {"name": "Renamed"})
    admin_client.post(reverse("admin:distribution_apikey_revoke", args=[event.object_id]))

    assert {event.who for event in shown(admin_client)} == {"admin"}
    events = AuditEvent.objects.order_by("id")
    assert [event.action for event in events] == ["created", "changed", "revoked"]
    assert events[0].actor == f"user:{admin_user.pk}"


def test_the_action_records_only_keys_that_it_revokes(admin_client):
    keys = [create_api_key(name="Bot", actor="test")[0] for _ in range(2)]
    revoke_api_key(keys[0], actor="test")
    data = {"action": "revoke_chosen", "_selected_action": [key.pk for key in keys]}

    admin_client.post(list_url("apikey"), data)

    revoked = AuditEvent.objects.filter(action="revoked").order_by("id")
    assert [event.object_id for event in revoked] == [key.pk for key in keys]
    assert LogEntry.objects.get().object_id == str(keys[1].pk)
    assert revoked[0].actor == "test"
    assert revoked[1].actor.startswith("user:")
