"""What cannot be looked up, at every address of Django's admin that looks things up."""

import pytest
from django.contrib import admin
from django.urls import reverse

from distribution.admin.base import AnyModelAdmin, changelist_url
from minicrm.tests.choosing import every

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

PAGES = sorted(admin.site._registry.items(), key=lambda pair: pair[0]._meta.label)


def parameters(page):
    """Yield the name of every parameter that a list reads."""
    yield from ("q", "o", "p", "all", "e", "nothing", "_popup", "_to_field", "id__exact")
    for entry in page.list_filter:
        field = entry[0] if isinstance(entry, tuple) else entry
        if isinstance(field, str):
            for end in ("", "__exact", "__id__exact", "__gte", "__isnull", "__isempty", "__in"):
                yield field + end
        else:
            yield field.parameter_name


@pytest.mark.parametrize("model", every(3, [model for model, _ in PAGES]))
def test_no_list_is_asked_for_a_nul(admin_client, model):
    for name in parameters(admin.site._registry[model]):
        for value in ("\0", "a\0b"):
            status = admin_client.get(changelist_url(model), {name: value}).status_code
            assert status == 400, f"{name}: {status}"


@pytest.mark.parametrize("model", [model for model, _ in PAGES])
def test_no_list_is_asked_for_a_name_with_nul(admin_client, model):
    assert admin_client.get(changelist_url(model), {"a\0b": 1}).status_code == 400
    assert admin_client.get(changelist_url(model)).status_code == 200


@pytest.mark.parametrize("name", ["object_type__exact", "object_name", "action__exact"])
def test_nothing_is_done_with_what_a_nul_selects(admin_client, name):
    url = reverse("admin:distribution_auditevent_changelist", query={name: "\0"})

    assert admin_client.post(url, {"action": "x", "_selected_action": 1}).status_code == 400


@pytest.mark.parametrize(
    "where", [("contact", "operator"), ("contact", "source"), ("contact", "lead")]
)
def test_no_suggestions_for_a_nul(admin_client, where):
    names = {"app_label": "leads", "model_name": where[0], "field_name": where[1]}
    url = reverse("admin:autocomplete")

    assert admin_client.get(url, names | {"term": "a\0"}).status_code == 400
    assert admin_client.get(url, names | {"term": "a"}).status_code == 200


def test_every_page_of_the_admin_is_checked():
    assert [page for _, page in PAGES if not isinstance(page, AnyModelAdmin)] == []


def test_a_visitor_is_sent_to_sign_in_all_the_same(client):
    url = reverse("admin:distribution_operator_changelist", query={"q": "\0"})

    assert client.get(url).url.startswith(reverse("login"))
