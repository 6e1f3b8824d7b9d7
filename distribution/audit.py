"""The record of who changed settings and rights: what it was before, what it is now.

Contacts have their own history, `leads.models.Assignment`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from distribution.models import ApiKey, AuditEvent, Operator
from minicrm.schemas import MAX_ID

NAMED: dict[str, tuple[type[Model], str]] = {
    "operator": (Operator, "name"),
    "user": (User, "username"),
    "api_key": (ApiKey, "name"),
}


def record(
    *,
    actor: str,
    action: str,
    obj_type: str,
    object_id: int,
    object_name: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Store who did what to an object, in the caller's transaction: both are kept, or neither.

    A change that leaves everything as it was ("changed" with `before` equal to `after`) is none,
    and not recorded. `before` and `after` must hold neither secrets nor personal data: what is
    recorded is never erased. Raises TransactionManagementError outside a transaction, and
    ValueError for an action or a kind of object that AuditEvent does not list.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError(
            "An audit event belongs into the transaction of the change that it tells of."
        )
    action = AuditEvent.Action(action)
    if action == AuditEvent.Action.CHANGED and before == after:
        return
    AuditEvent.objects.create(
        actor=actor,
        action=action,
        object_type=AuditEvent.ObjectType(obj_type),
        object_id=object_id,
        object_name=object_name[: AuditEvent.OBJECT_NAME_LENGTH],
        before=None if before is None else dict(before),
        after=None if after is None else dict(after),
    )


def differences(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[tuple[str, Any, Any]]:
    """Return (name, was, is) for every fact that differs; None stands for a fact that is not there.

    Facts inside of facts are named with a dot. Of two lists only what one has and the other lacks
    is returned.
    """
    was, now = dict(_flat(before or {})), dict(_flat(after or {}))
    pairs = ((name, was.get(name), now.get(name)) for name in {**was, **now})
    return [(name, *_apart(old, new)) for name, old, new in pairs if old != new]


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _apart(old: Any, new: Any) -> tuple[Any, Any]:
    if not (isinstance(old, list) and isinstance(new, list)):
        return old, new
    return [item for item in old if item not in new], [item for item in new if item not in old]


def actor_names(actors: Iterable[str]) -> dict[str, str]:
    """Return what people call those who act: users and keys by name, commands as they are called.

    Four queries at most, however many actors there are.
    """
    wanted = set(actors)
    users, keys = (_numbers(wanted, kind) for kind in ("user", "api_key"))
    named = {f"user:{pk}": name for pk, name in names_of("user", users).items()}
    for pk, name in names_of("api_key", keys).items():
        named[f"api_key:{pk}"] = _("API key %(name)s") % {"name": name}
    return {actor: named.get(actor, actor) for actor in wanted}


def names_of(object_type: str, ids: Collection[int]) -> dict[int, str]:
    """Return the names of operators, users or keys; of those deleted, the name they had last.

    Whatever was never heard of is left out. Two queries at most, none for no ids.
    """
    if not ids:
        return {}
    model, field = NAMED[object_type]
    names = dict(model._base_manager.filter(pk__in=ids).values_list("pk", field))
    gone = set(ids) - names.keys()
    if gone:
        deleted = AuditEvent.objects.filter(
            object_type=object_type, object_id__in=gone, action=AuditEvent.Action.DELETED
        )
        for number, name in deleted.values_list("object_id", "object_name"):
            names[number] = _("%(name)s (deleted)") % {"name": name}
    return names


def _numbers(actors: Iterable[str], kind: str) -> set[int]:
    """Return the numbers of the actors of a kind: of `user:7`, a user, it is 7."""
    parts = (actor.partition(":") for actor in actors)
    return {int(number) for word, _colon, number in parts if word == kind and _is_id(number)}


def _is_id(text: str) -> bool:
    # One digit less than the largest: more than there will ever be, and no overflow.
    return text.isascii() and text.isdecimal() and len(text) < len(str(MAX_ID))
