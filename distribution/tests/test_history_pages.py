"""The page of who changed what."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from distribution.audit import record
from distribution.keys import create_api_key
from distribution.models import AuditEvent
from distribution.tests.factories import OperatorFactory, SourceFactory
from minicrm.tests.pages import queries_of
from minicrm.tests.people import make_user, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

HISTORY = reverse("distribution:history")


def note(obj=None, **kwargs):
    facts = {
        "actor": "test", "action": "changed", "obj_type": "operator",
        "object_id": obj.pk if obj else 77_777, "object_name": str(obj or "Demo operator"),
        "before": {"max_load": 10}, "after": {"max_load": 20},
    }  # fmt: skip
    record(**facts | kwargs)
    return AuditEvent.objects.first()


def shown(client, **query):
    return [entry.event for entry in client.get(HISTORY, query).context["entries"]]


def text_of(client, **query):
    page = client.get(HISTORY, query).content.decode()
    [table] = re.findall(r"<tbody>(.*?)</tbody>", page, re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", table)).strip()


def links_in(client, **query):
    return re.findall(r'href="([^"]+)"', client.get(HISTORY, query).content.decode())


def test_shows_who_changed_what_from_what_to_what(viewer, administrator):
    operator = OperatorFactory(name="Demo operator 3")
    key, _token = create_api_key(name="Demo bot", actor="create_api_key")
    note(operator, actor=f"user:{viewer.user.pk}")
    note(actor=f"api_key:{key.pk}", action="deleted", before={"name": "Gone"}, after=None)

    text = text_of(administrator)
    assert "API key Demo bot deleted operator Demo operator Name: Gone" in text
    assert "demo-viewer changed operator Demo operator 3 Limit: 10 → is now 20" in text
    assert f"create_api_key created API key Demo bot ({key.prefix}) Name: Demo bot" in text


def test_tells_of_keys_and_people_only_who_may_see_them(viewer, administrator):
    operator, kinds = OperatorFactory(), ["api_key", "user", "group"]
    for kind in ["operator", *kinds]:
        note(operator, obj_type=kind)

    assert [event.object_type for event in shown(viewer)] == ["operator"]
    assert shown(viewer, object_type="user") == shown(viewer)
    assert [event.object_type for event in shown(administrator)] == [*reversed(kinds), "operator"]


def test_shows_it_in_russian_too(viewer):
    viewer.cookies["django_language"] = "ru"
    note(OperatorFactory(), before={"is_active": True}, after={"is_active": False})

    text = text_of(viewer)
    assert "изменено оператор" in text
    assert "Включён: да →" in text


def test_shows_weights_by_the_operators_names(viewer):
    operator = OperatorFactory(name="Demo operator 3")
    note(SourceFactory(), obj_type="weights", before={str(operator.pk): 1}, after={"99": 5})

    text = text_of(viewer)
    assert "Demo operator 3: 1 → is now –" in text
    assert "#99: – → is now 5" in text


def test_a_long_set_of_weights_is_folded(viewer):
    note(SourceFactory(), obj_type="weights", before={}, after={str(n): n for n in range(1, 16)})

    page = viewer.get(HISTORY).content.decode()
    before, _summary, folded = page.partition("and 5 more")
    assert ("#10:" in before, "#11:" in before, "#11:" in folded) == (True, False, True)


def test_shows_what_apps_above_record(viewer):
    note(obj_type="lead", object_id=7, object_name="#7", before={"merged": []},
         after={"merged": [3, 4]})  # fmt: skip

    assert "lead #7 Merged leads: – → is now 3, 4" in text_of(viewer)
    assert reverse("leads:lead", args=[7]) in links_in(viewer)


def test_a_password_is_told_of_in_words(administrator):
    note(administrator.user, obj_type="user", before=None, after={"password": "changed"})

    assert "Password: set anew" in text_of(administrator)


@pytest.mark.parametrize(
    ("kind", "name"), [("operator", "leads:operator"), ("weights", "leads:source"),
                       ("source", "leads:source")],
)  # fmt: skip
def test_links_to_what_is_still_there(viewer, kind, name):
    obj = OperatorFactory() if kind == "operator" else SourceFactory()
    url = reverse(name, args=[obj.pk])
    note(obj, obj_type=kind, before={}, after={"1": 1})

    assert url in links_in(viewer)
    obj.delete()
    assert url not in links_in(viewer)


def test_links_to_keys_and_users_for_those_who_may_see_them(viewer, administrator):
    key, _token = create_api_key(name="Demo bot", actor="test")
    note(viewer.user, obj_type="user")
    user_url = reverse("distribution:edit_user", args=[viewer.user.pk])

    [key_url] = [url for url in links_in(administrator) if url.endswith(f"#key-{key.pk}")]
    assert user_url in links_in(administrator)
    assert not {user_url, key_url} & set(links_in(viewer))
    assert f'id="key-{key.pk}"' in administrator.get(key_url.replace("&amp;", "&")).content.decode()


# Filters --------------------------------------------------------------------------------------


def test_finds_events_by_kind_object_action_and_actor(viewer):
    operator = OperatorFactory()
    mine = note(operator, actor=f"user:{viewer.user.pk}")
    deleted = note(action="deleted", after=None)
    weights = note(obj_type="weights", before={}, after={"5": 1})

    assert shown(viewer, object_type="weights") == [weights]
    assert shown(viewer, object_type="operator", object_id=operator.pk) == [mine]
    assert shown(viewer, action="deleted") == [deleted]
    assert shown(viewer, actor=f"user:{viewer.user.pk}") == [mine]
    assert shown(viewer, actor=f"user:{viewer.user.pk}", action="deleted") == []


def test_finds_events_by_day_in_the_sites_time_zone(viewer, settings):
    settings.TIME_ZONE = "Asia/Tokyo"  # nine hours ahead
    events = [note() for _ in range(3)]
    for event, hour in zip(events, (14, 15, 16), strict=True):
        _move(event, datetime(2030, 1, 1, hour, tzinfo=UTC))

    assert shown(viewer, since="2030-01-02") == [events[2], events[1]]
    assert shown(viewer, until="2030-01-01") == [events[0]]
    assert shown(viewer, since="2030-01-01", until="2030-01-02") == events[::-1]


def _move(event, moment):
    from django.db import connection

    with connection.cursor() as cursor:  # events cannot be changed otherwise
        cursor.execute(
            "UPDATE distribution_auditevent SET at = %s WHERE id = %s",
            [connection.ops.adapt_datetimefield_value(moment), event.pk],
        )


@pytest.mark.parametrize(
    "nonsense",
    ["9" * 30, str(2**63), "-1", "\0", "x", "0001-01-01", "9999-12-31", "2030-02-31", "a" * 5000],
)
def test_nonsense_in_the_address_finds_all_or_nothing(viewer, nonsense):
    note()

    for name in ("object_type", "object_id", "action", "actor", "since", "until", "before"):
        response = viewer.get(HISTORY, {name: nonsense})
        assert response.status_code == 200
        assert len(response.context["entries"]) in (0, 1)


def test_says_which_filter_makes_no_sense(viewer):
    page = viewer.get(HISTORY, {"since": "2030-02-31"}).content.decode()

    assert "Enter a valid date" in page
    assert 'value="2030-02-31"' in page


def test_says_that_the_last_day_is_before_the_first(viewer):
    page = viewer.get(HISTORY, {"since": "2030-01-02", "until": "2030-01-01"})
    assert "This day is before the first one." in page.content.decode()
    same_day = viewer.get(HISTORY, {"since": "2030-01-02", "until": "2030-01-02"})
    assert "before the first" not in same_day.content.decode()


def test_offers_who_acted_and_the_one_chosen(viewer):
    note(actor="import")
    anna = make_user("viewer", username="demo-anna")

    page = viewer.get(HISTORY, {"actor": f"user:{anna.pk}"}).content.decode()

    assert '<option value="import">import</option>' in page
    assert f'<option value="user:{anna.pk}" selected>demo-anna</option>' in page


def test_leafs_through_within_the_filter(viewer):
    wanted = [note() for _ in range(60)]
    note(obj_type="source")

    first = viewer.get(HISTORY, {"object_type": "operator"})
    second = viewer.get(HISTORY + first.context["page"].older)

    seen = [entry.event for page in (first, second) for entry in page.context["entries"]]
    assert seen == wanted[::-1]
    assert "object_type=operator" in first.context["page"].older


def test_takes_as_many_queries_for_any_number_of_events(administrator):
    def act(count):
        for number in range(count):
            user = make_user("viewer", username=f"demo-{number}-{count}")
            key, _token = create_api_key(name="Demo", actor=f"user:{user.pk}")
            note(OperatorFactory(), actor=f"api_key:{key.pk}")
            note(SourceFactory(), obj_type="weights", before={}, after={str(number + 1): 1})
            note(obj_type="user", object_id=user.pk, actor=f"user:{90_000 + user.pk}")

    act(2)
    few = queries_of(administrator, HISTORY)
    act(15)

    assert len(shown(administrator)) == 50
    assert queries_of(administrator, HISTORY) == few <= 20


# Who may --------------------------------------------------------------------------------------


def test_strangers_and_those_without_a_role_see_nothing():
    note()

    assert Client().get(HISTORY).url == f"{reverse('login')}?next={HISTORY}"
    assert sign_in().get(HISTORY).status_code == 403


def test_nothing_can_be_posted_there(administrator):
    assert administrator.post(HISTORY).status_code == 405


def test_names_are_text_and_not_markup(viewer):
    note(object_name="<script>x</script>", after={"name": "<b>bold</b>"}, actor="<i>")

    page = viewer.get(HISTORY).content.decode()
    assert "<script>x" not in page
    assert "<b>bold" not in page
    assert "<i>" not in page
