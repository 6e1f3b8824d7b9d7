"""The one spelling of a lead's keys. Pure functions: text in, normal form out, or `BadKey`."""

import unicodedata
from dataclasses import dataclass
from typing import TypeGuard

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from minicrm.text import is_blank

MAX_EXTERNAL_ID = 255
MAX_EMAIL = 254
MAX_PHONE_DIGITS = 15  # of E.164, without the plus


class BadKey(ValueError):
    """A key that has no normal form; `code` for programs, the message for people."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class LeadKeys:
    """A lead's keys in their normal forms, in order of strength; None where there is none."""

    external_id: str | None = None
    email: str | None = None
    phone: str | None = None

    def present(self) -> dict[str, str]:
        """Return the keys that are there, by name, strongest first."""
        named = {"external_id": self.external_id, "email": self.email, "phone": self.phone}
        return {name: value for name, value in named.items() if value is not None}


def normalise_keys(
    *, external_id: str | None, email: str | None, phone: str | None, region: str
) -> LeadKeys:
    """Return the keys in their normal forms; a blank text counts as no key. Raises BadKey.

    `region` is the country (ISO 3166, such as "RU") of phone numbers without a country code.
    """
    return LeadKeys(
        external_id=normalise_external_id(external_id) if _given(external_id) else None,
        email=normalise_email(email) if _given(email) else None,
        phone=normalise_phone(phone, region=region) if _given(phone) else None,
    )


def _given(text: str | None) -> TypeGuard[str]:
    """Whether there is anything to see in `text`; zero-width characters do not count."""
    return text is not None and not is_blank(text)


def normalise_external_id(text: str) -> str:
    """Return an id without regard to case, Unicode form and white space around it.

    Casefolding can undo a composition, so NFC comes last again (Unicode 3.13, D145).
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).strip().casefold())
    if not folded.isprintable() and any(map(_is_control, folded)):
        raise BadKey("external_id", "invisible_character", "Remove the invisible characters.")
    if len(folded) > MAX_EXTERNAL_ID:
        raise BadKey("external_id", "too_long", f"At most {MAX_EXTERNAL_ID} characters.")
    return folded


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs")


def normalise_email(text: str) -> str:
    """Return an address in lower case; its form is checked, its domain is not asked for."""
    try:
        checked = validate_email(text.strip(), check_deliverability=False)
    except EmailNotValidError as error:
        raise BadKey("email", "invalid_email", str(error)) from None
    address = checked.normalized.lower()
    if len(address) > MAX_EMAIL:  # a few letters become two
        raise BadKey("email", "too_long", f"At most {MAX_EMAIL} characters.")
    return address


def normalise_phone(text: str, *, region: str) -> str:
    """Return a number in E.164, such as +442079460123.

    A number of a possible length is enough: national numbering plans change faster than any
    software that knows them, and a refused number is a lost lead.
    """
    try:
        number = phonenumbers.parse(text.strip(), region)
    except phonenumbers.NumberParseException:
        raise BadKey("phone", "invalid_phone", "This is not a phone number.") from None
    digits = f"{number.country_code}{phonenumbers.national_significant_number(number)}"
    # Some numbering plans allow more digits than E.164 does, and than the column holds.
    if len(digits) > MAX_PHONE_DIGITS or not phonenumbers.is_possible_number(number):
        raise BadKey("phone", "invalid_phone", "This number is too short, too long, or no number.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
