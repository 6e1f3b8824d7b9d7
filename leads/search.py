"""Finding leads and contacts by what leads are known by, with the indexes there are for it."""

from django.conf import settings
from django.db.models import Q, QuerySet

from leads.identity import BadKey, normalise_external_id, normalise_phone
from leads.models import Lead
from minicrm.schemas import MAX_ID

MAX_FOUND = 1_000  # leads whose contacts are listed for one search; a key is one lead's only


def leads_matching(leads: QuerySet[Lead], text: str) -> QuerySet[Lead]:
    """Return the leads one of whose keys begins with `text`; without any, those of such a name.

    Names have no index: they are looked through only when no key matches.
    """
    found = leads.filter(_key_begins(text))
    if found.exists():
        return found
    return leads.filter(name__startswith=text.strip())


def contacts_found(text: str) -> Q:
    """Return the contact of this number, or those of the leads one of whose keys is this text.

    `#7` is a number and nothing else; `7` may also be somebody's external id. Each is one look into
    an index.
    """
    text = text.strip()
    number = text.removeprefix("#")
    by_number = Q(pk__in=[int(number)] if _is_id(number) else [])
    if text.startswith("#") and _is_id(number):
        return by_number
    return by_number | Q(lead__in=lead_ids_of_key(text))


def lead_ids_of_key(text: str) -> list[int]:
    """Return the ids of the leads one of whose keys is exactly `text`.

    One that was merged stands for the lead that has its contacts now.
    """
    rows = Lead.objects.filter(_key_is(text)).values_list("pk", "merged_into")[:MAX_FOUND]
    return sorted({merged_into or pk for pk, merged_into in rows})


def leads_found(text: str) -> Q:
    """Return the leads one of whose keys is exactly this text, or the one of this number.

    As `contacts_found`, but a merged lead is found itself.
    """
    text = text.strip()
    number = text.removeprefix("#")
    by_number = Q(pk__in=[int(number)] if _is_id(number) else [])
    if text.startswith("#") and _is_id(number):
        return by_number
    return by_number | _key_is(text)


def _key_is(text: str) -> Q:
    keys = Q(external_id=_external_id(text)) | Q(email=text.strip().lower())
    for phone in _phone(text):
        keys |= Q(phone=phone)
    return keys


def _is_id(text: str) -> bool:
    # Python refuses to read numbers of any length.
    return text.isascii() and text.isdigit() and len(text) < len(str(MAX_ID))


def _key_begins(text: str) -> Q:
    begins = Q(external_id__startswith=_external_id(text))
    begins |= Q(email__startswith=text.strip().lower())
    if text.strip().startswith("+"):
        begins |= Q(phone__startswith="+" + "".join(filter(str.isdigit, text)))
    for phone in _phone(text):
        begins |= Q(phone=phone)
    return begins


def _external_id(text: str) -> str:
    try:
        return normalise_external_id(text)
    except BadKey:
        return text


def _phone(text: str) -> list[str]:
    """Return the number as it is stored, in a list that is empty when `text` is no number."""
    try:
        return [normalise_phone(text, region=settings.PHONE_REGION)]
    except BadKey:
        return []
