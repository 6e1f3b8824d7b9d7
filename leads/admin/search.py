"""Finding leads by what they are known by, with the indexes there are for it."""

from django.conf import settings
from django.db.models import Q, QuerySet

from leads.identity import BadKey, normalise_external_id, normalise_phone
from leads.models import Lead

MAX_FOUND = 1_000  # leads whose contacts are listed for one search


def leads_matching(leads: QuerySet[Lead], text: str) -> QuerySet[Lead]:
    """Return the leads one of whose keys begins with `text`; without any, those of such a name.

    Names have no index: they are looked through only when no key matches.
    """
    found = leads.filter(_key_begins(text))
    if found.exists():
        return found
    return leads.filter(name__startswith=text.strip())


def lead_ids_of_key(text: str) -> list[int]:
    """Return the ids of the leads one of whose keys is exactly `text`."""
    keys = Q(external_id=_external_id(text)) | Q(email=text.strip().lower())
    for phone in _phone(text):
        keys |= Q(phone=phone)
    return list(Lead.objects.filter(keys).values_list("pk", flat=True)[:MAX_FOUND])


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
