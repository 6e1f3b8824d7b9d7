"""Leads and records in Django's admin: all to be seen, only names to be changed."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from distribution.models import AuditEvent
from leads.models import IdempotencyRecord, Lead, LeadConflict
from leads.tests.admin_pages import found, list_url, queries_of, url_of
from leads.tests.factories import AssignedContactFactory, LeadFactory, WaitingContactFactory

pytestmark = [pytest.mark.slow_on_postgresql, pytest.mark.django_db]

MODELS = ["lead", "contact", "assignment", "leadconflict", "idempotencyrecord"]


def make(model):
    """Return one object of any of the models."""
    if model == "lead":
        return LeadFactory()
    if model == "contact":
        return WaitingContactFactory()
    if model == "assignment":
        return AssignedContactFactory().assignments.get()
    if model == "leadconflict":
        return LeadConflict.objects.create(
            lead=LeadFactory(), other_lead=LeadFactory(), key=LeadConflict.Key.EMAIL
        )
    return IdempotencyRecord.objects.create(scope="api_key:1", key="k-1", digest="0" * 64)


# Who gets in, and what nobody may do


@pytest.mark.parametrize("model", MODELS)
def test_sends_visitors_to_the_sign_in_page(client, model):
    response = client.get(list_url(model))

    assert response.status_code == 302
    assert response.url.startswith(reverse("login"))


@pytest.mark.parametrize("model", MODELS)
def test_nobody_adds_or_deletes(admin_client, model):
    obj = make(model)

    added = admin_client.post(reverse(f"admin:leads_{model}_add"), {"name": "New"})
    deleted = admin_client.post(url_of(obj, "delete"), {"post": "yes"})
    action = {"action": "delete_selected", "_selected_action": [obj.pk], "post": "yes"}
    admin_client.post(list_url(model), action)

    assert (added.status_code, deleted.status_code) == (403, 403)
    assert type(obj).objects.filter(pk=obj.pk).exists()


@pytest.mark.parametrize("model", MODELS)
def test_a_missing_object_is_told_and_not_an_error(admin_client, model):
    response = admin_client.get(reverse(f"admin:leads_{model}_change", args=[404]), follow=True)

    assert "doesn’t exist" in "".join(str(message) for message in response.context["messages"])


@pytest.mark.parametrize("model", MODELS[1:])
def test_nothing_but_leads_is_changed(admin_client, model):
    response = admin_client.post(url_of(make(model)), {})

    assert response.status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_shows_lists_and_objects(admin_client, model):
    obj = make(model)

    listed = admin_client.get(list_url(model))
    shown = admin_client.get(url_of(obj))

    assert list(listed.context["cl"].result_list) == [obj]
    assert str(obj) in shown.content.decode()


# Leads


def test_changes_a_leads_name_and_no_key(admin_client):
    lead = LeadFactory(external_id="demo-1", email="demo@example.com")
    data = {"name": " Demo lead ", "external_id": "other", "email": "x@example.com", "phone": "+1"}

    admin_client.post(url_of(lead), data)

    lead.refresh_from_db()
    assert (lead.name, lead.external_id) == ("Demo lead", "demo-1")
    assert (lead.email, lead.phone) == ("demo@example.com", None)


def test_a_new_name_does_not_undo_a_key_filled_in_meanwhile(admin_client, monkeypatch):
    lead = LeadFactory()
    clean = Lead.full_clean

    def filled_in_meanwhile(self, **kwargs):
        Lead.objects.update(email="demo@example.com")
        return clean(self, **kwargs)

    monkeypatch.setattr(Lead, "full_clean", filled_in_meanwhile)
    admin_client.post(url_of(lead), {"name": "Demo lead"})

    lead.refresh_from_db()
    assert (lead.name, lead.email) == ("Demo lead", "demo@example.com")


def test_refuses_a_name_with_control_characters(admin_client):
    lead = LeadFactory(name="Before")

    response = admin_client.post(url_of(lead), {"name": "Demo\u202elead"})

    assert "U+202E" in response.content.decode()
    assert Lead.objects.get().name == "Before"


def test_the_log_holds_a_leads_number_and_nothing_personal(admin_client, admin_user):
    lead = LeadFactory(external_id="demo-1", email="demo@example.com", name="Before")

    admin_client.post(url_of(lead), {"name": "After"})

    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.object_id, entry.user) == (
        f"#{lead.pk}",
        str(lead.pk),
        admin_user,
    )
    assert entry.get_change_message() == "Changed Name."


@pytest.mark.parametrize(
    "query", ["DEMO-1", "demo", "Demo@Example.com", "demo@", "+44 20 7946", "+442079460123", "Ann"]
)
def test_finds_leads_by_the_beginning_of_a_key_or_name(admin_client, query):
    lead = LeadFactory(
        external_id="demo-17", email="demo@example.com", phone="+442079460123", name="Ann Demo"
    )
    LeadFactory(external_id="other", email="other@example.com", phone="+12025550100", name="Bo")

    assert found(admin_client, "lead", query) == [lead]


def test_finds_a_lead_by_a_national_number(admin_client, settings):
    settings.PHONE_REGION = "GB"
    lead = LeadFactory(phone="+442079460123")

    assert found(admin_client, "lead", "020 7946 0123") == [lead]


@pytest.mark.parametrize("query", ["nobody", "%", "9" * 40])
def test_finds_no_lead_for_other_words(admin_client, query):
    LeadFactory(external_id="demo-1", name="Demo")

    assert found(admin_client, "lead", query) == []


def test_shows_a_leads_newest_contacts(admin_client):
    lead = LeadFactory()
    first, *others = WaitingContactFactory.create_batch(21, lead=lead)

    page = admin_client.get(url_of(lead)).content.decode()

    assert url_of(others[-1]) in page
    assert url_of(others[0]) in page
    assert url_of(first) not in page
    assert f"{list_url('contact')}?lead__id__exact={lead.pk}" in page


# Conflicts


def test_marks_conflicts_as_resolved(admin_client):
    conflict = make("leadconflict")
    earlier = make("leadconflict")
    when = timezone.now() - timedelta(days=1)
    LeadConflict.objects.filter(pk=earlier.pk).update(resolved_at=when)
    action = {"action": "mark_resolved", "_selected_action": [conflict.pk, earlier.pk]}

    response = admin_client.post(list_url("leadconflict"), action, follow=True)

    conflict.refresh_from_db()
    earlier.refresh_from_db()
    assert conflict.resolved_at is not None
    assert earlier.resolved_at == when
    assert "1 conflict resolved." in response.content.decode()
    assert LogEntry.objects.get().object_repr == f"#{conflict.pk}"
    recorded = AuditEvent.objects.filter(object_type="lead").values_list("object_id", flat=True)
    assert set(recorded) == {conflict.lead_id, conflict.other_lead_id}


def test_a_merged_lead_links_to_where_it_leads(admin_client):
    root, merged = LeadFactory.create_batch(2)
    Lead.objects.filter(pk=merged.pk).update(merged_into=root)

    page = admin_client.get(url_of(merged)).content.decode()
    listed = admin_client.get(list_url("lead"), {"merged_into__id__exact": root.pk})

    assert f'<a href="{url_of(root)}">#{root.pk}</a>' in page
    assert list(listed.context["cl"].result_list) == [merged]


def test_who_may_only_look_resolves_nothing(client):
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_leadconflict"))
    client.force_login(looker)
    conflict = make("leadconflict")

    action = {"action": "mark_resolved", "_selected_action": [conflict.pk]}
    client.post(list_url("leadconflict"), action)

    assert LeadConflict.objects.get().resolved_at is None


# Cost


@pytest.mark.parametrize("model", MODELS)
def test_lists_need_the_same_queries_for_any_number_of_rows(admin_client, model):
    def fill(count):
        for _ in range(count):
            if model == "idempotencyrecord":
                key = f"k-{IdempotencyRecord.objects.count()}"
                IdempotencyRecord.objects.create(scope="api_key:1", key=key, digest="0" * 64)
            elif model == "contact":
                AssignedContactFactory()
            else:
                make(model)

    fill(2)
    few = queries_of(admin_client, list_url(model))
    fill(18)

    assert admin_client.get(list_url(model)).context["cl"].result_count >= 20
    assert queries_of(admin_client, list_url(model)) == few
