"""A contact taken down by hand: somebody calls, or writes to where no bot listens."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import asdict
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.crypto import salted_hmac
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.models import NAME_LENGTH, Source
from distribution.refusals import refusal_text
from leads.identity import (
    MAX_EMAIL,
    MAX_EXTERNAL_ID,
    BadKey,
    normalise_email,
    normalise_external_id,
    normalise_phone,
)
from leads.models import MESSAGE_LENGTH
from leads.services import ContactRequest
from leads.services.idempotency import Once, digest_of
from minicrm.errors import Invalid, ServiceError
from minicrm.text import forbidden_character, is_blank
from minicrm.validators import cleaned_line, validate_line

KEY_SALT = "leads.forms.contacts.once"
TYPED_PHONE = 40  # characters, with blanks and brackets

BAD_KEYS: dict[str, Any] = {
    "invalid_email": gettext_lazy("This is not an e-mail address."),
    "invalid_phone": gettext_lazy("This number is too short, too long, or no number."),
    "invisible_character": gettext_lazy("Remove the invisible characters."),
    "too_long": gettext_lazy("This is too long."),
    "lead_key_required": gettext_lazy("Give at least one of phone, e-mail and external id."),
}

NORMALISED: dict[str, Callable[[str], str]] = {
    "phone": lambda text: normalise_phone(text, region=settings.PHONE_REGION),
    "email": normalise_email,
    "external_id": normalise_external_id,
}


class ContactForm(forms.Form):
    """Who asks for what, through which source."""

    source = forms.TypedChoiceField(label=capfirst(gettext_lazy("source")), coerce=int)
    name = forms.CharField(
        label=capfirst(gettext_lazy("name")),
        required=False,
        max_length=NAME_LENGTH,
        validators=[validate_line],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    phone = forms.CharField(
        label=capfirst(gettext_lazy("phone")),
        required=False,
        max_length=TYPED_PHONE,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
    )
    email = forms.CharField(
        label=capfirst(gettext_lazy("e-mail")),
        required=False,
        max_length=MAX_EMAIL,
        widget=forms.TextInput(attrs={"type": "email", "autocomplete": "off"}),
    )
    external_id = forms.CharField(
        label=capfirst(gettext_lazy("external id")),
        required=False,
        max_length=MAX_EXTERNAL_ID,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy(
            "What another system calls the person. At least one of phone, e-mail and external id is"
            " needed; the lead is found by it, or made."
        ),
    )
    message = forms.CharField(
        label=capfirst(gettext_lazy("message")),
        required=False,
        max_length=MESSAGE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    # Sent along: the same form sent twice makes one contact.
    once = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        initial: MutableMapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial, auto_id="new-%s")
        self.initial["once"] = uuid.uuid4()
        sources = Source.objects.order_by("-is_active", "name", "pk")
        choices: list[tuple[Any, str]] = [(one.pk, _source_text(one)) for one in sources]
        self.has_sources = bool(choices)
        if len(choices) != 1:
            choices.insert(0, ("", _("choose")))
        cast(forms.ChoiceField, self.fields["source"]).choices = choices

    def clean_name(self) -> str:
        """Return the name in its one spelling."""
        return cleaned_line(str(self.cleaned_data["name"]), longest=NAME_LENGTH)

    def clean_message(self) -> str:
        """Refuse what a reader could not see."""
        message = str(self.cleaned_data["message"]).replace("\r\n", "\n")
        if problem := forbidden_character(message, multiline=True):
            raise ValidationError(_("Remove the %(problem)s."), params={"problem": problem})
        return message

    def clean(self) -> dict[str, Any] | None:
        """Refuse keys that are none; they are kept as they were typed."""
        for name, normalise in NORMALISED.items():
            text = self.cleaned_data.get(name)
            try:
                if text and not is_blank(text):
                    normalise(text)
            except BadKey as error:
                self.refuse(Invalid(error.code, error.message, field=name))
        return super().clean()

    def refuse(self, error: ServiceError) -> None:
        """Show what the service refuses, at its field if that is one of these."""
        field = "source" if error.field == "source_id" else error.field
        self.add_error(field if field in self.fields else None, _refusal(error))

    def contact_request(self) -> ContactRequest:
        """Return what is to be registered."""
        said = self.cleaned_data
        keys: dict[str, Any] = {name: said[name] or None for name in NORMALISED}
        return ContactRequest(
            source_id=said["source"], name=said["name"], message=said["message"], **keys
        )

    def once_for(self, actor: str, request: ContactRequest) -> Once | None:
        """Return the name of this very form with this very content, if the form has one."""
        token = str(self.cleaned_data["once"])
        if not re.fullmatch("[0-9a-f-]{36}", token):
            return None
        content = digest_of(asdict(request))
        # The key outlives an erasure. Without the server's secret it proves nothing of the content.
        sealed = salted_hmac(KEY_SALT, content, algorithm="sha256").hexdigest()
        return Once(scope=f"{actor}:page", key=f"{token}:{sealed}", digest=content)


def _refusal(error: ServiceError) -> str:
    return str(BAD_KEYS.get(error.code) or refusal_text(error))


def _source_text(source: Source) -> str:
    if source.is_active:
        return source.name
    return _("%(name)s (off: its contacts wait)") % {"name": source.name}
