"""A contact taken down by hand."""

from dataclasses import asdict

import pytest
from django.test import Client
from django.urls import reverse

from distribution.tests.factories import SourceFactory, WeightFactory
from leads.models import Contact, IdempotencyRecord
from leads.services import ContactRequest, erase_lead
from leads.services.idempotency import digest_of
from leads.tests.contact_pages import text_of, url_of
from leads.tests.factories import LeadFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

NEW = reverse("leads:create_contact")


def filled_in(client, **said):
    """Open the form and return what a browser sends when it is filled in like this."""
    once = client.get(NEW).context["form"]["once"].value()
    return {"once": str(once)} | said


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_goes_to_an_operator_at_once(supervisor, headers):
    weight = WeightFactory(operator__name="Demo A")
    lead = LeadFactory(phone="+442079460123")
    data = filled_in(
        supervisor,
        source=weight.source.pk,
        phone="+44 (20) 7946-0123",
        name=" Demo  ",
        message="One\r\ntwo",
    )

    page = supervisor.post(NEW, data, headers=headers, follow=True)

    contact = Contact.objects.get()
    assert page.redirect_chain == [(url_of(contact), 302)]
    assert f"Contact #{contact.pk} went to Demo A." in text_of(page)
    assert (contact.lead, contact.operator) == (lead, weight.operator)
    assert contact.supplied == {"phone": "+44 (20) 7946-0123"}
    assert (contact.name, contact.message) == ("Demo", "One\ntwo")
    assert contact.assignments.get().decision["by"] == f"user:{supervisor.user.pk}"


def test_waits_when_nobody_can_take_it(supervisor):
    source = SourceFactory(is_active=False)
    page = supervisor.get(NEW)
    assert f"{source} (off: its contacts wait)" in text_of(page)

    data = filled_in(supervisor, source=source.pk, email="lead@example.com")
    page = supervisor.post(NEW, data, follow=True)

    assert "Nobody can take it now: it waits." in text_of(page)
    assert Contact.objects.get().status == "waiting"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"source": ""}, "This field is required."),
        ({"source": 987}, "Select a valid choice."),
        ({"phone": ""}, "Give at least one of phone, e-mail and external id."),
        ({"phone": "\u200b"}, "Give at least one of phone, e-mail and external id."),
        ({"phone": "12"}, "This number is too short, too long, or no number."),
        ({"email": "odd"}, "This is not an e-mail address."),
        ({"external_id": "a\u202eb"}, "Remove the invisible characters."),
        ({"external_id": "x" * 256}, "at most 255 characters"),
        ({"name": "a\x07b"}, "Remove the control character U+0007."),
        ({"message": "a\x00b"}, "Null characters are not allowed."),
        ({"message": "a\u202eb"}, "Remove the bidirectional control character U+202E."),
    ],
)
def test_says_what_is_wrong_and_keeps_what_was_typed(supervisor, said, words):
    data = filled_in(supervisor, source=SourceFactory().pk, phone="+442079460123") | said

    page = supervisor.post(NEW, data | {"name": said.get("name", "<Demo>")})

    assert page.status_code == 422
    assert words in text_of(page)
    assert "name" in said or 'value="&lt;Demo&gt;"' in page.content.decode()
    assert not Contact.objects.exists()


def test_sent_twice_it_is_one_contact_and_changed_it_is_another(supervisor):
    data = filled_in(supervisor, source=SourceFactory().pk, phone="+442079460123")

    first = supervisor.post(NEW, data)
    assert supervisor.post(NEW, data).url == first.url
    assert Contact.objects.count() == 1

    supervisor.post(NEW, data | {"message": "Something else"})
    supervisor.post(NEW, filled_in(supervisor) | data | {"once": "odd"})
    assert Contact.objects.count() == 3


def test_no_hash_of_what_was_typed_outlives_an_erasure(supervisor):
    """Else who guesses the person could check it: all but the guess is known."""
    data = filled_in(supervisor, source=SourceFactory().pk, phone="+442079460123")
    first = supervisor.post(NEW, data)
    record = IdempotencyRecord.objects.get()
    content = record.digest
    assert content == digest_of(
        asdict(ContactRequest(int(data["source"]), phone=data["phone"])),
    )
    erase_lead(Contact.objects.get().lead_id, reason="Request 7", actor="test")
    record.refresh_from_db()

    assert record.digest == ""
    assert content not in record.key
    assert supervisor.post(NEW, data).url == first.url
    assert Contact.objects.count() == 1


def test_the_address_may_choose_the_source_and_fill_in_no_personal_data(supervisor):
    source, _other = SourceFactory.create_batch(2)

    page = supervisor.get(NEW, {"source": source.pk, "phone": "+442079460123"})

    assert f'<option value="{source.pk}" selected>' in page.content.decode()
    assert "+442079460123" not in page.content.decode()


def test_without_any_source_it_says_so(supervisor):
    assert "There is no source yet" in text_of(supervisor.get(NEW))


def test_only_who_may_add_contacts_does(viewer, supervisor):
    data = {"source": SourceFactory().pk, "phone": "+442079460123"}

    assert viewer.get(NEW).status_code == viewer.post(NEW, data).status_code == 403
    assert "/accounts/login/" in Client().post(NEW, data).url
    assert supervisor.put(NEW).status_code == 405
    assert not Contact.objects.exists()
