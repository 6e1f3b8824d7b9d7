"""The pages that erase a lead, show the act of it, and hand out everything we hold."""

import json
from functools import partial

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from distribution.models import AuditEvent
from leads.models import Lead
from leads.services import erase_lead, merge_leads
from leads.tests.factories import ClosedContactFactory, LeadFactory, WaitingContactFactory
from minicrm.errors import Conflict
from minicrm.schemas import MAX_ID
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

EMAIL = "lead@example.com"


@pytest.fixture
def lead():
    lead = LeadFactory(external_id="demo-1", email=EMAIL, name="Anna Demo")
    ClosedContactFactory(lead=lead, message="Call me")
    return lead


def page(name, lead):
    return reverse(f"leads:{name}", args=[lead.pk])


def said(client, lead, **changes):
    """Return what the form on the page sends, filled in."""
    form = client.get(page("erase_lead", lead)).context["form"]
    filled = {"seen": form["seen"].value(), "number": str(lead.pk), "reason": "Request 7"}
    return {**filled, **changes}


def text(response):
    return " ".join(response.content.decode().split())


def is_erased(lead):
    return Lead.objects.get(pk=lead.pk).erased_at is not None


# Asking ---------------------------------------------------------------------------------------


def test_the_page_lists_what_goes_and_no_values(administrator, lead):
    merged = LeadFactory(external_id="demo-2", merged_into=lead)
    shown = text(administrator.get(page("erase_lead", lead)))
    for part in (f"Lead #{lead.pk}", f"Lead #{merged.pk}", "messages (1)", "payloads (0)"):
        assert part in shown
    assert "This cannot be undone." in shown
    assert "still open" not in shown
    for value in (EMAIL, "demo-1", "demo-2", "Anna", "Call me"):
        assert value not in shown


def test_the_page_says_how_many_contacts_are_open(administrator, lead):
    WaitingContactFactory.create_batch(2, lead=lead)
    shown = text(administrator.get(page("erase_lead", lead)))
    assert "2 contacts are still open" in shown
    assert "Close them first" in shown


def test_looking_erases_nothing(administrator, lead):
    administrator.get(page("erase_lead", lead))
    assert not is_erased(lead)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": ""}, "number"),
        ({"number": "yes"}, "number"),
        ({"number": "{other}"}, "number"),
        ({"reason": ""}, "reason"),
        ({"reason": " "}, "reason"),
        ({"reason": "a\u202eb"}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": f"{EMAIL} asked for it"}, "reason"),
        ({"reason": "+1 202 555 0142 asked for it"}, "reason"),
    ],
)
def test_what_is_not_said_rightly_erases_nothing(administrator, lead, changes, field):
    other = LeadFactory()
    changes = {name: value.format(other=other.pk) for name, value in changes.items()}
    response = administrator.post(page("erase_lead", lead), said(administrator, lead, **changes))
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not is_erased(lead)
    assert not AuditEvent.objects.exists()


def test_erases_and_shows_the_act(administrator, lead):
    number = f"#{lead.pk}"
    response = administrator.post(
        page("erase_lead", lead), said(administrator, lead, number=number), follow=True
    )
    assert response.redirect_chain == [(page("lead_erasure", lead), 302)]
    assert is_erased(lead)
    shown = text(response)
    for part in (f"Act of erasure, lead {number}", "Request 7", administrator.user.username):
        assert part in shown
    assert f"The personal data of lead {number} is erased." in shown
    cells = [part.split("</td>")[0] for part in shown.split('<td class="num">')[1:]]
    # External ids, e-mails, phones, names, contacts, open ones, messages, payloads, duplicates.
    assert cells == list("110110100")


def test_who_saw_less_is_shown_the_rest(administrator, lead):
    sent = said(administrator, lead)
    WaitingContactFactory(lead=lead)
    response = administrator.post(page("erase_lead", lead), sent)
    assert response.status_code == 409
    shown = text(response)
    assert "Something was added to this lead meanwhile" in shown
    assert "1 contact is still open" in shown
    assert 'value="Request 7"' in shown
    assert not is_erased(lead)

    administrator.post(page("erase_lead", lead), said(administrator, lead))
    assert is_erased(lead)


def test_a_form_without_what_was_seen_erases_nothing(administrator, lead):
    response = administrator.post(
        page("erase_lead", lead), {"number": str(lead.pk), "reason": "Request 7"}
    )
    assert response.status_code == 409
    assert not is_erased(lead)


def test_an_erased_lead_leads_to_its_act_and_a_merged_one_to_its_page(administrator, lead):
    merged = LeadFactory(merged_into=lead)
    sent = said(administrator, lead)
    assert administrator.get(page("erase_lead", merged)).url == page("lead", merged)
    erase_lead(lead.pk, reason="Request 7", actor="test")
    for response in (
        administrator.get(page("erase_lead", lead)),
        administrator.post(page("erase_lead", lead), sent),
    ):
        assert response.url == page("lead_erasure", lead)
    assert AuditEvent.objects.filter(object_id=lead.pk).count() == 1
    assert f"Act of erasure, lead #{lead.pk}" in text(
        administrator.get(page("lead_erasure", merged))
    )


def beforehand(monkeypatch, happen):
    """Let something happen to the lead between the page's look at it and the erasure."""

    def erase(pk, **kwargs):
        happen(pk)
        return erase_lead(pk, **kwargs)

    monkeypatch.setattr("leads.services.erase_lead", erase)


def merge_into(into):
    return lambda pk: merge_leads(into_id=into.pk, lead_id=pk, actor="test")


def grow_then_merge(into):
    """Return what adds to a lead, and merges it once that was refused."""

    def happen(pk):
        WaitingContactFactory(lead_id=pk)
        Lead.objects.filter(pk=pk).update(merged_into=into)
        raise Conflict("lead_grew", "Something was added.")

    return happen


@pytest.mark.parametrize("grew", [False, True])
def test_who_is_merged_meanwhile_leads_to_the_page_that_says_so(
    administrator, lead, monkeypatch, grew
):
    other = LeadFactory()
    sent = said(administrator, lead)
    beforehand(monkeypatch, grow_then_merge(other) if grew else merge_into(other))
    response = administrator.post(page("erase_lead", lead), sent, follow=True)

    assert [address for address, _status in response.redirect_chain] == [
        page("erase_lead", lead),
        page("lead", lead),
    ]
    assert response.status_code == 200
    assert f"#{other.pk}" in text(response)
    assert not is_erased(lead)


def test_who_is_erased_meanwhile_leads_to_the_act(administrator, lead, monkeypatch):
    sent = said(administrator, lead)
    beforehand(monkeypatch, partial(erase_lead, reason="Request 8", actor="test"))
    response = administrator.post(page("erase_lead", lead), sent, follow=True)
    assert response.redirect_chain[-1] == (page("lead_erasure", lead), 302)
    assert "Request 8" in text(response)


@pytest.mark.parametrize("role", [None, "viewer", "supervisor"])
def test_only_administrators_erase(lead, role):
    client = sign_in(role)
    sent = {"number": str(lead.pk), "reason": "Request 7", "seen": "1-0-2"}
    for response in (
        client.get(page("erase_lead", lead)),
        client.post(page("erase_lead", lead), sent),
    ):
        assert response.status_code == 403
    assert not is_erased(lead)


def test_whoever_has_the_right_may_erase(lead):
    client = sign_in("supervisor")
    client.user.user_permissions.add(Permission.objects.get(codename="erase_lead"))
    client.post(page("erase_lead", lead), said(client, lead))
    assert is_erased(lead)


@pytest.mark.parametrize("name", ["erase_lead", "lead_erasure"])
def test_what_is_not_there_is_not_found(administrator, lead, name):
    for pk in (4_000_000, MAX_ID, MAX_ID + 1):
        assert administrator.get(reverse(f"leads:{name}", args=[pk])).status_code == 404
    assert administrator.get(page("lead_erasure", lead)).status_code == 404


# What is seen of it ---------------------------------------------------------------------------


def test_the_page_of_a_lead_offers_what_the_user_may(lead):
    offers = {"export_lead": "Everything we hold", "erase_lead": "Erase personal data"}
    for role, names in (
        ("viewer", set()),
        ("supervisor", {"export_lead"}),
        ("administrator", {"export_lead", "erase_lead"}),
    ):
        shown = text(sign_in(role).get(page("lead", lead)))
        assert {name for name in offers if page(name, lead) in shown} == names
        assert {name for name, words in offers.items() if words in shown} == names


def test_the_page_of_an_erased_lead_says_so_and_offers_no_change(administrator, lead):
    erase_lead(lead.pk, reason="Request 7", actor="test")
    shown = text(administrator.get(page("lead", lead)))
    assert "The personal data was erased on" in shown
    assert page("lead_erasure", lead) in shown
    assert "erased on" in text(administrator.get(reverse("leads:leads")))
    for gone in (page("erase_lead", lead), "Merge with another lead", 'name="shown"', "Anna"):
        assert gone not in shown


def test_nobody_renames_or_merges_an_erased_lead(administrator, lead):
    other = LeadFactory()
    erase_lead(lead.pk, reason="Request 7", actor="test")
    response = administrator.post(page("lead", lead), {"name": "Anna", "shown": ""})
    assert response.status_code == 409
    assert "The personal data was erased on" in text(response)
    merging = administrator.get(reverse("leads:merge_leads", args=[other.pk, lead.pk]))
    assert merging.status_code == 409
    assert "The personal data of this lead was erased." in text(merging)
    assert Lead.objects.get(pk=lead.pk).name == ""


def test_the_admin_gives_an_erased_lead_no_name(administrator, lead):
    address = reverse("admin:leads_lead_change", args=[lead.pk])
    assert 'name="name"' in administrator.get(address).text
    erase_lead(lead.pk, reason="Request 7", actor="test")
    assert 'name="name"' not in administrator.get(address).text
    assert administrator.post(address, {"name": "Demo lead"}).status_code == 302
    assert Lead.objects.get(pk=lead.pk).name == ""


def test_a_contact_says_that_its_contents_are_gone(administrator, lead, settings):
    settings.RETENTION_DAYS = 30
    contact = lead.contacts.get()
    address = reverse("leads:contact", args=[contact.pk])
    contact.message, contact.forgotten_at = "", contact.closed_at
    contact.save()
    assert "that is done 30 days after closing" in text(administrator.get(address))
    erase_lead(lead.pk, reason="Request 7", actor="test")
    assert "was erased on" in text(administrator.get(address))


def test_history_tells_of_it_in_words(administrator, lead):
    merged = LeadFactory(merged_into=lead)
    administrator.post(page("erase_lead", lead), said(administrator, lead))
    administrator.post(page("export_lead", lead))
    shown = text(administrator.get(reverse("distribution:history")))
    for words in (
        "personal data erased",
        "personal data exported",
        "E-mails erased",
        "Messages erased",
        "Reason",
        "Request 7",
        "Erased together with lead",
        f"#{merged.pk}",
    ):
        assert words in shown


# Everything we hold ---------------------------------------------------------------------------


def test_everything_is_a_file_of_its_own_and_kept_nowhere(supervisor, lead):
    response = supervisor.post(page("export_lead", lead))
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Content-Disposition"] == f'attachment; filename="lead-{lead.pk}.json"'
    assert response.headers["Cache-Control"] == "no-store"
    held = json.loads(response.content)
    assert (held["lead"]["email"], held["contacts"][0]["message"]) == (EMAIL, "Call me")
    event = AuditEvent.objects.get()
    assert (event.action, event.actor) == ("exported", f"user:{supervisor.user.pk}")


def test_viewers_get_nothing_and_it_is_not_recorded(viewer, lead):
    assert viewer.post(page("export_lead", lead)).status_code == 403
    assert not AuditEvent.objects.exists()


def test_a_look_is_no_export(supervisor, lead):
    response = supervisor.get(page("export_lead", lead))
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert not AuditEvent.objects.exists()


def test_nobody_is_exported(supervisor):
    for pk in (4_000_000, MAX_ID, MAX_ID + 1):
        address = reverse("leads:export_lead", args=[pk])
        assert supervisor.post(address).status_code == 404
