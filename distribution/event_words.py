"""Audit events in words that a person can read: who, what, from what, to what."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from django.contrib.auth.models import Group, User
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateTimeField, Model
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.audit import actor_names, differences, names_of
from distribution.models import ApiKey, AuditEvent, Operator, Source
from minicrm.roles import Role

# What an event's object_id is the number of. The weights of a source are recorded as one set. What
# else events tell of belongs to apps that this one does not know, and has no model here.
MODELS: dict[str, type[Model]] = {
    "operator": Operator,
    "source": Source,
    "weights": Source,
    "api_key": ApiKey,
    "user": User,
    "group": Group,
}
# Facts that are no fields of a model that we know.
FACTS = {
    "contacts": gettext_lazy("contacts"),
    "erased_keys.email": gettext_lazy("e-mails erased"),
    "erased_keys.external_id": gettext_lazy("external ids erased"),
    "erased_keys.phone": gettext_lazy("phones erased"),
    "erased_messages": gettext_lazy("messages erased"),
    "erased_names": gettext_lazy("names erased"),
    "erased_payloads": gettext_lazy("payloads erased"),
    "erased_with": gettext_lazy("erased together with lead"),
    "filters": gettext_lazy("filters"),
    "masked": gettext_lazy("masked"),
    "merged": gettext_lazy("merged leads"),
    "merged_into": gettext_lazy("merged into"),
    "open_contacts": gettext_lazy("open contacts"),
    "possible_duplicates": gettext_lazy("possible duplicates"),
    "reason": gettext_lazy("reason"),
    "renamed": gettext_lazy("name changed"),
    "resolved_conflicts": gettext_lazy("possible duplicates dropped"),
}
# Values that are words, by kind of object and fact.
WORDS: dict[tuple[str, str], dict[str, Any]] = {
    ("user", "password"): {
        "changed": gettext_lazy("set anew"),
        "disabled": gettext_lazy("disabled"),
    },
    ("user", "groups"): dict(Role.choices),
}
RECENT = 1_000  # events whose actors are offered to choose from


class Difference(NamedTuple):
    """What a fact is called, what it was, and what it is."""

    label: str
    was: str
    now: str


def with_names(events: Iterable[AuditEvent]) -> list[AuditEvent]:
    """Return the events with `who` acted, whether the object is `there`, and `operators` by id.

    A handful of queries, however many events there are.
    """
    rows = list(events)
    names = actor_names(event.actor for event in rows)
    there = _objects_there(rows)
    operators = names_of("operator", _operator_ids(rows))
    for event in rows:
        model = MODELS.get(event.object_type)
        event.operators = operators  # type: ignore[attr-defined]
        event.who = names[event.actor]  # type: ignore[attr-defined]
        event.there = model is None or (model, event.object_id) in there  # type: ignore[attr-defined]
    return rows


def recent_actors(*chosen: str) -> list[tuple[str, str]]:
    """Return whoever acted lately, and those chosen, with their names, in the order of these."""
    recent = AuditEvent.objects.order_by("-id").values_list("actor", flat=True)[:RECENT]
    names = actor_names({*recent, *filter(None, chosen)})
    return sorted(names.items(), key=lambda pair: pair[1].casefold())


def latest_changes(
    kind: AuditEvent.ObjectType, object_id: int, *, at_most: int = 10
) -> list[tuple[AuditEvent, list["Difference"]]]:
    """Return the last changes of one object, the newest first, each with what differs."""
    events = AuditEvent.objects.filter(object_type=kind, object_id=object_id)
    return [(event, list(readable_differences(event))) for event in with_names(events[:at_most])]


def readable_differences(event: AuditEvent) -> Iterator[Difference]:
    """Yield what an event changed; `with_names` must have been there before."""
    # Databases keep the order of JSON's members or do not; fields come as on the object's page.
    rows = sorted(differences(event.before, event.after), key=lambda row: _place(event, row[0]))
    told = {name for name, _was, _now in rows}
    for name, was, now in rows:
        if name.removesuffix("_id") in told - {name}:  # the same by its name
            continue
        texts = _text(event, name, was), _text(event, name, now)
        if texts[0] != texts[1]:  # an empty list that was not there before is no news
            yield Difference(_label(event, name), *texts)


def _objects_there(events: Iterable[AuditEvent]) -> set[tuple[type[Model], int]]:
    ids: dict[type[Model], set[int]] = defaultdict(set)
    for event in events:
        if event.object_type in MODELS:
            ids[MODELS[event.object_type]].add(event.object_id)
    return {
        (model, pk)
        for model, wanted in ids.items()
        for pk in model._base_manager.filter(pk__in=wanted).values_list("pk", flat=True)
    }


def _operator_ids(events: Iterable[AuditEvent]) -> set[int]:
    """Return the operators whose weights the events are about."""
    sets = [event for event in events if event.object_type == "weights"]
    keys = (key for event in sets for key in {**(event.before or {}), **(event.after or {})})
    return {int(key) for key in keys if key.isdecimal()}


def _place(event: AuditEvent, name: str) -> tuple[int, int, str]:
    model = MODELS.get(event.object_type)
    fields = (*model._meta.fields, *model._meta.many_to_many) if model else ()
    names = [field.name for field in fields]
    # Shorter ones first: so numbers are in their order too.
    return names.index(name) if name in names else len(names), len(name), name


def _label(event: AuditEvent, name: str) -> str:
    """Return whose weight it is, or what the field is called on pages, or the name as recorded."""
    if event.object_type == "weights" and name.isdecimal():
        return str(event.operators.get(int(name), f"#{name}"))  # type: ignore[attr-defined]
    field = _field(event, name)
    return capfirst(str(field.verbose_name if field else FACTS.get(name, name)))


def _text(event: AuditEvent, name: str, value: Any) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, list):
        return ", ".join(_word(event, name, item) for item in value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    is_moment = isinstance(_field(event, name), DateTimeField)
    moment = parse_datetime(str(value)) if is_moment else None
    if moment:
        return date_format(localtime(moment), "DATETIME_FORMAT")
    return _word(event, name, value)


def _word(event: AuditEvent, name: str, value: Any) -> str:
    words = WORDS.get((event.object_type, name), {})
    return str(words.get(value, value) if isinstance(value, str) else value)


def _field(event: AuditEvent, name: str) -> Any:
    model = MODELS.get(event.object_type)
    try:
        return model._meta.get_field(name) if model else None
    except FieldDoesNotExist:
        return None
