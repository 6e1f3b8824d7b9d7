"""The list of sources, and creating, renaming and switching one."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from distribution.models import AuditEvent, Source
from distribution.services import replace_weights, update_source
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Contact
from leads.tests.factories import ClosedContactFactory, LeadFactory, WaitingContactFactory
from leads.views.sources import PAGE_SIZE

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

LIST = reverse("leads:sources")
NEW = reverse("leads:create_source")
HTMX = {"HX-Request": "true"}
both_ways = pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])


def edit_url(source):
    return reverse("leads:edit_source", args=[source.pk])


def switch_url(source):
    return reverse("leads:switch_source", args=[source.pk])


def text_of(response):
    text = re.sub(r"\s+", " ", response.content.decode())
    return text.replace("> ", ">").replace(" <", "<")


def row_of(page, source):
    text = text_of(page)
    row = text[text.index(f'<tr id="source-{source.pk}"') :]
    return row[: row.index("</tr>")]


# The list --------------------------------------------------------------------------------------


def test_lists_who_shares_a_source_and_what_came_in(viewer):
    source, lead = SourceFactory(), LeadFactory()
    for weight, facts in ((6, {}), (3, {"max_load": 0}), (1, {"is_active": False}), (0, {})):
        WeightFactory(source=source, operator=OperatorFactory(**facts), weight=weight)
    WaitingContactFactory.create_batch(2, source=source, lead=lead)
    yesterday = timezone.now() - timedelta(days=1)
    ClosedContactFactory(source=source, lead=lead)
    ClosedContactFactory(source=source, lead=lead, created_at=yesterday)

    row = row_of(viewer.get(LIST), source)

    assert re.search(r'data-label="Operators"><span>3 ?<span class="muted">1 free<', row)
    assert re.findall(r"\d+\.\d %", row) == ["60.0 %", "30.0 %", "10.0 %"]
    assert re.search(r'data-label="Waiting"><a[^>]*>2</a>', row)
    assert 'data-label="Today">3<' in row
    assert "<form" not in row


def test_names_the_largest_shares_and_counts_the_rest(viewer):
    source = SourceFactory()
    weights = [WeightFactory(source=source, weight=weight) for weight in (1, 2, 3, 4, 5, 5)]

    row = row_of(viewer.get(LIST), source)

    named = re.findall(r'class="tag-name">([^<]*)<', row)
    assert named == [weights[index].operator.name for index in (4, 5, 3, 2)]
    assert re.findall(r"\d+\.\d %", row) == ["25.0 %", "25.0 %", "20.0 %", "15.0 %"]
    assert "and 2 more" in row


@pytest.mark.parametrize(
    ("weights", "sign"), [([], "no operators"), ([{"operator__max_load": 0}], "nobody free")]
)
def test_says_why_contacts_will_wait(viewer, weights, sign):
    source = SourceFactory()
    for facts in weights:
        WeightFactory(source=source, **facts)
    assert sign in row_of(viewer.get(LIST), source)


@pytest.mark.parametrize(("text", "found"), [("BOT", ["Bot A"]), ("бот", ["Бот Б"]), (".", [])])
def test_finds_sources_by_part_of_the_name(viewer, text, found):
    for name in ("Bot A", "Бот Б"):
        SourceFactory(name=name)

    page = viewer.get(LIST, {"search": text})

    names = re.findall(r'<a class="name"[^>]*>([^<]*)<', text_of(page))
    assert names == found
    assert ("No source has such a name." in text_of(page)) == (not found)


@pytest.mark.parametrize("query", ["search=%00", f"search={'x' * 9999}", f"after={10**30}"])
def test_nonsense_in_the_address_finds_nothing_or_is_left_out(viewer, query):
    SourceFactory()
    page = viewer.get(f"{LIST}?{query}")
    assert page.status_code == 200
    assert ("<tr id=" in text_of(page)) == query.startswith("after")


def test_empty_list_says_what_to_do(supervisor, viewer):
    for client, may_create in ((supervisor, True), (viewer, False)):
        page = text_of(client.get(LIST))
        assert "There are no sources yet." in page
        assert (f'href="{NEW}"' in page) == may_create


def test_leafs_through_many(viewer):
    sources = SourceFactory.create_batch(PAGE_SIZE + 2)

    first = text_of(viewer.get(LIST))
    after = re.search(r'href="(\?after=\d+)"', first)[1]
    second = text_of(viewer.get(LIST + after))

    assert [f'<tr id="source-{one.pk}"' in first for one in sources[-3:]] == [True, False, False]
    assert [f'<tr id="source-{one.pk}"' in second for one in sources[-3:]] == [False, True, True]
    assert "First page" in second
    assert "Next page" not in second


def test_makes_as_many_queries_for_forty_sources_as_for_seven(supervisor):
    lead, counts = LeadFactory(), []
    for number in (7, 33):
        for source in SourceFactory.create_batch(number):
            WeightFactory(source=source)
            WaitingContactFactory(source=source, lead=lead)
        with CaptureQueriesContext(connection) as captured:
            supervisor.get(LIST)
        counts.append(len(captured))
    assert counts[0] == counts[1] < 20


# Creating and editing --------------------------------------------------------------------------


@both_ways
def test_creates_a_source_and_goes_on_to_its_weights(supervisor, headers):
    response = supervisor.post(
        NEW, {"name": "  Web form ", "is_active": "on", "next": LIST}, headers=headers
    )

    source = Source.objects.get()
    assert (source.name, source.is_active) == ("Web form", True)
    assert response.url == reverse("leads:source", args=[source.pk])
    assert "Give it operators" in text_of(supervisor.get(response.url))
    assert AuditEvent.objects.get().actor == f"user:{supervisor.user.pk}"


@pytest.mark.parametrize("name", ["", " ", "x" * 121, "Taken", "line\nbreak\u202e"])
def test_bad_name_is_kept_and_told(supervisor, name):
    taken, other = SourceFactory(name="Taken"), SourceFactory()
    for url in (NEW, edit_url(other)):
        page = supervisor.post(url, {"name": name, "is_active": "on"})
        assert page.status_code == 422
        assert 'class="error" id="id_name_error"' in text_of(page)
        assert name.strip()[:50] in page.content.decode()
    assert set(Source.objects.values_list("name", flat=True)) == {taken.name, other.name}


@both_ways
def test_renames_a_source_and_undoes_it(supervisor, headers):
    source = SourceFactory(name="Old name")
    form = fields_of(supervisor.get(edit_url(source)))

    response = supervisor.post(edit_url(source), form | {"name": "New name"}, headers=headers)

    assert response.url == reverse("leads:source", args=[source.pk])
    assert Source.objects.get().name == "New name"
    undo(supervisor, response.url)
    assert (Source.objects.get().name, Source.objects.get().is_active) == ("Old name", True)


def test_a_name_that_somebody_else_changed_meanwhile_is_not_overwritten(supervisor):
    source = SourceFactory(name="Demo bot")
    shown = fields_of(supervisor.get(edit_url(source)))
    update_source(source.pk, name="Theirs", actor="test")

    refused = supervisor.post(edit_url(source), shown | {"name": "Mine"})
    again = fields_of(refused)
    source.refresh_from_db()

    assert (refused.status_code, source.name, again["name"]) == (409, "Theirs", "Mine")
    assert "Theirs" in text_of(refused)
    supervisor.post(edit_url(source), again)
    source.refresh_from_db()
    assert source.name == "Mine"


def test_switching_to_what_it_is_already_offers_no_way_back(supervisor):
    source = SourceFactory()

    supervisor.post(switch_url(source), {"is_active": "1"})
    assert f'action="{switch_url(source)}"' not in toasts_of(supervisor)


def toasts_of(client):
    page = client.get(reverse("leads:sources")).content.decode()
    return page[page.index('id="toasts"') :]


def test_saving_what_was_shown_overwrites_nothing(supervisor):
    source = SourceFactory(name="Old name")
    form = fields_of(supervisor.get(edit_url(source)))
    update_source(source.pk, is_active=False, actor="user:0")

    supervisor.post(edit_url(source), form | {"name": "New name"})
    assert Source.objects.values_list("name", "is_active").get() == ("New name", False)
    supervisor.post(edit_url(source), form)
    assert Source.objects.values_list("name", "is_active").get() == ("New name", False)
    assert AuditEvent.objects.count() == 2


def fields_of(page):
    """What the page's form would send, for which all boxes must be ticked."""
    text = text_of(page)
    form = text[text.index('<form class="page-form"') :]
    data = {}
    for tag in re.findall(r"<input [^>]*>", form[: form.index("</form>")]):
        name, value = (re.search(rf'{part}="([^"]*)"', tag) for part in ("name", "value"))
        data[name[1]] = value[1] if value else "on"
    return data


def undo(client, url):
    """Press the button of the note that a page shows."""
    note = re.search(r'<div class="note.*?</form>', text_of(client.get(url)))[0]
    hidden = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', note))
    assert client.post(re.search(r'action="([^"]*)"', note)[1], hidden).status_code == 302


# Switching -------------------------------------------------------------------------------------


@both_ways
def test_switches_off_and_undoes_it(supervisor, headers):
    source = SourceFactory()
    data = {"is_active": "0", "next": LIST}

    response = supervisor.post(switch_url(source), data, headers=headers)

    assert response.url == LIST
    assert not Source.objects.get().is_active
    undo(supervisor, LIST)
    assert Source.objects.get().is_active


def test_switching_on_gives_out_what_waits(supervisor):
    weight = WeightFactory(source__is_active=False)
    WaitingContactFactory(source=weight.source)
    supervisor.post(switch_url(weight.source), {"is_active": "1"})
    assert Contact.objects.get().operator_id == weight.operator_id


@pytest.mark.parametrize("value", [None, "", "2", "on"])
def test_switching_to_nonsense_changes_nothing(supervisor, value):
    source = SourceFactory()
    data = {} if value is None else {"is_active": value}
    assert supervisor.post(switch_url(source), data).status_code == 400
    assert Source.objects.get().is_active


# Who may, and what is there --------------------------------------------------------------------


@pytest.mark.parametrize("action", ["create", "edit", "switch"])
def test_viewers_and_visitors_change_nothing(viewer, client, action):
    source = SourceFactory(name="Old name")
    url = {"create": NEW, "edit": edit_url(source), "switch": switch_url(source)}[action]
    data = {"name": "New name", "is_active": "0"}
    assert viewer.post(url, data).status_code == 403
    assert client.post(url, data).url.startswith(reverse("login"))
    assert Source.objects.values_list("name", "is_active").get() == ("Old name", True)


def test_a_source_that_is_not_there_is_not_found(supervisor):
    for url in (edit_url(Source(pk=9)), switch_url(Source(pk=10**30))):
        assert supervisor.post(url, {"is_active": "1"}).status_code == 404


def test_switching_is_a_post(supervisor):
    assert supervisor.get(switch_url(SourceFactory())).status_code == 405
    assert supervisor.post(LIST).status_code == 405
    assert supervisor.put(NEW).status_code == 405


def test_weights_of_zero_are_no_share(viewer):
    source = SourceFactory()
    replace_weights(source.pk, {OperatorFactory().pk: 0}, actor="test")
    assert "no operators" in row_of(viewer.get(LIST), source)
