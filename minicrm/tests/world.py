"""A world in which every page has something to show: a demo, users, and some awkward cases.

Run as a program it prepares an empty database, and prints what `create_world` returns as JSON.
"""

import json
import sys
from random import Random
from typing import Any

ACTOR = "test"
LONG_WORD = "Demo-" + "Обращение" * 12  # one word of 113 letters: nothing to break a line at
MESSAGE = "Please call me back.\n\n" + "https://example.com/" + "a-long-address/" * 20


def create_users() -> dict[str, Any]:
    """Create somebody in each role, and a second supervisor; return their names by role."""
    from minicrm.tests.people import make_user

    roles = ("viewer", "supervisor", "administrator")
    users = {role: make_user(role) for role in roles}
    users["other_supervisor"] = make_user("supervisor", username="demo-supervisor-2")
    names = {role: user.get_username() for role, user in users.items()}
    return {"names": names, "user": users["viewer"].pk, "manager": users["administrator"].pk}


def create_world(*, contacts: int, awkward: bool, seed: int = 7) -> dict[str, Any]:
    """Fill an empty database; return the ids that `every_page` puts into addresses."""
    from distribution.keys import create_api_key
    from distribution.models import Operator, OperatorSourceWeight, Source
    from leads.demo.seeding import seed_demo
    from leads.models import Contact

    rng = Random(seed)
    seed_demo(operators=7, sources=4, contacts=contacts, hours=12, rng=rng)
    source = Source.objects.earliest("pk")
    key, token = create_api_key(name="Demo: manages", can_manage=True, actor=ACTOR)
    create_api_key(name="Demo: first source", source=source, actor=ACTOR)
    if awkward:
        _create_awkward()
    users = create_users()
    manager = f"user:{users['manager']}"
    assigned = Contact.objects.assigned().filter(operator__is_active=True)
    asked = assigned.filter(source=source).exclude(message="")
    by_status = {
        "waiting": Contact.objects.waiting().earliest("pk").pk,
        "assigned": assigned.latest("pk").pk,
        "closed": Contact.objects.filter(status="closed").latest("pk").pk,
        "moved": _move_about(asked.earliest("pk"), actor=manager),
    }
    free_weight = OperatorSourceWeight.objects.filter(operator__in=Operator.objects.free())
    return {
        **users,
        **by_status,
        **_create_jobs(manager),
        **_create_duplicates(source.pk),
        "erased": _create_erased(source.pk),
        "token": token,
        "key": key.pk,
        "source": source.pk,
        "operator": free_weight.earliest("pk").operator_id,
        "busy_operator": Operator.objects.filter(current_load__gt=0).latest("pk").pk,
        "off_operator": Operator.objects.filter(is_active=False).earliest("pk").pk,
    }


def _create_awkward() -> None:
    """Create names and texts as long as they may be, with nowhere to break a line."""
    from distribution.services import create_operator, create_source, replace_weights
    from leads.services import ContactRequest, register_contact

    operator = create_operator(name=LONG_WORD, max_load=2_147_483_647, actor=ACTOR)
    source = create_source(name=LONG_WORD, actor=ACTOR)
    replace_weights(source.pk, {operator.pk: 10_000}, actor=ACTOR)
    request = ContactRequest(
        source_id=source.pk,
        external_id="x" * 200,
        email=f"{'long' * 15}@{'long' * 12}.example.com",
        name=LONG_WORD,
        message=MESSAGE,
        payload={"demo": True, LONG_WORD: {"nested": [LONG_WORD] * 3}},
    )
    register_contact(request, actor=ACTOR)


def _move_about(contact: Any, *, actor: str) -> int:
    """Give a contact a timeline with every kind of move; return its id."""
    from distribution.models import Operator
    from leads.services import close_contact, reassign_contact, reopen_contact, requeue_contact

    free = Operator.objects.free().exclude(pk=contact.operator_id).order_by("-max_load")
    reason = "Demo: speaks the language"
    reassign_contact(contact.pk, operator_id=free[0].pk, actor=actor, reason=reason)
    requeue_contact(contact.pk, actor=actor, reason="Demo: not for us")
    close_contact(contact.pk, actor=actor, reason="Demo: done")
    reopen_contact(contact.pk, actor=actor, reason="Demo: not quite")
    return int(contact.pk)


def _create_jobs(actor: str) -> dict[str, str]:
    """Select contacts to be moved: one job that asks, and one that is done and had a refusal."""
    from leads.models import Contact
    from leads.moving.jobs import begin_job
    from leads.moving.moves import Move

    closed = list(Contact.objects.filter(status="closed")[:3])
    job = begin_job(Move.REOPEN, closed, actor=actor, back="/contacts/")
    neither = [*Contact.objects.waiting()[:1], *closed]
    finished = begin_job(Move.REQUEUE, neither, actor=actor, back="/contacts/")
    finished.confirm({"reason": "Demo"})
    finished.claim()
    finished.run_part()
    return {"job": job.key, "finished_job": finished.key}


def _create_duplicates(source_id: int) -> dict[str, int]:
    """Let a contact name two leads as one person; return the two."""
    from leads.models import LeadConflict
    from leads.services import ContactRequest, register_contact

    one = {"external_id": "demo-twin", "name": "Demo twin"}
    other = {"email": "demo.twin@example.com", "phone": "+442079460999"}
    for keys in (one, other, one | other):
        register_contact(ContactRequest(source_id=source_id, **keys), actor=ACTOR)
    conflict = LeadConflict.objects.latest("pk")
    return {"lead": conflict.lead_id, "other_lead": conflict.other_lead_id}


def _create_erased(source_id: int) -> int:
    """Create two leads, merge them, and erase the person; return the number."""
    from leads.models import Contact
    from leads.services import (
        ContactRequest,
        close_contact,
        erase_lead,
        merge_leads,
        register_contact,
    )

    for keys in ({"external_id": "demo-gone"}, {"email": "demo.gone@example.com"}):
        request = ContactRequest(source_id, message="Demo", payload={"demo": 1}, **keys)
        register_contact(request, actor=ACTOR)
    other, contact = Contact.objects.order_by("-pk")[:2]
    close_contact(contact.pk, actor=ACTOR, reason="Demo: done")
    merge_leads(into_id=contact.lead_id, lead_id=other.lead_id, actor=ACTOR)
    erase_lead(contact.lead_id, reason="Demo: request 7", actor=ACTOR)
    return int(contact.lead_id)


def create_crowd() -> dict[str, Any]:
    """Create a world with a thousand operators and a hundred thousand contacts."""
    from minicrm.tests.crowd import grow

    world = create_world(contacts=300, awkward=True)
    grow(operators=1_000, contacts=100_000)
    return world


# What the program can make: nothing but users; enough for tests; more to look at; very much.
KINDS = {
    "empty": create_users,
    "awkward": lambda: create_world(contacts=60, awkward=True),
    "demo": lambda: create_world(contacts=300, awkward=False),
    "crowd": create_crowd,
}


def main(kind: str) -> None:
    """Prepare the database that the environment names."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    json.dump(KINDS[kind](), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
