"""What bots, supervisors and administrators do in a day, and what goes wrong, with canaries."""

import json
import re
import socket
from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from minicrm.tests.leaks.broken import WAYS
from minicrm.tests.leaks.canaries import (
    EMAIL,
    EXTERNAL_ID,
    MESSAGE,
    NAME,
    OTHER_EMAIL,
    OTHER_NAME,
    OTHER_PHONE,
    PAYLOAD,
    PHONE,
    PHONE_AS_TYPED,
    REASON,
    in_address,
)
from minicrm.tests.leaks.visitor import Answer, Visitor
from minicrm.tests.people import PASSWORD

CONTACTS = "/api/v1/contacts/"
TEXT = f"{NAME} {EMAIL} {PHONE} {EXTERNAL_ID} {MESSAGE}"
EVERYTHING = {
    "external_id": EXTERNAL_ID,
    "email": EMAIL,
    "phone": PHONE,
    "name": NAME,
    "message": MESSAGE,
    "payload": PAYLOAD,
}


def contact(**changes: object) -> dict[str, object]:
    """Return a contact with all that there can be, and the changes."""
    return {name: value for name, value in (EVERYTHING | changes).items() if value is not None}


# What no contact is, each with the canaries in it; texts are sent as they are.
REFUSED: Mapping[str, object] = {
    "no json": f"{{{EMAIL}",
    "a name twice": f'{{"email": "{EMAIL}", "email": "{OTHER_EMAIL}"}}',
    "a list": [EMAIL, PHONE],
    "too deep": contact(payload=json.loads("[" * 80 + f'"{NAME}"' + "]" * 80)),
    "too large": contact(message=MESSAGE * 4_000),
    "a text too long": contact(name=NAME * 100),
    "unknown members": contact() | {"mail": EMAIL, "note": MESSAGE},
    "no address": contact(email=f"{EMAIL}@@{EMAIL}"),
    "no address either": contact(email=f"<{NAME}> {EMAIL}"),
    "no number": contact(phone=f"{PHONE}{PHONE}"),
    "not the types": contact(email=[EMAIL], name={"is": NAME}, payload=MESSAGE),
    "no source": contact(source_id=EMAIL),
    "another source": contact(source_id=999_999),
    "control characters": contact(name=f"{NAME}\x1b[2J", message=f"{MESSAGE}\x07"),
    "an invisible id": contact(external_id=f"{EXTERNAL_ID}\u202e"),
    "a half letter": f'{{"email": "{EMAIL}", "name": "{NAME}\\ud800"}}',
    "not a number": f'{{"email": "{EMAIL}", "payload": {{"{NAME}": NaN}}}}',
}


def work_of_a_bot(port: int, token: str) -> list[Visitor]:
    """Post contacts: good ones, the same again, and bad ones in every way; read them again."""
    bot = Visitor(port, {"Authorization": f"Bearer {token}"})
    once = {"Idempotency-Key": "demo-order-1"}
    for body in (contact(), contact(), contact(message="another")):
        bot.call("POST", CONTACTS, body, **once)
    # Three who are one: two leads, and a contact that names both.
    bot.call("POST", CONTACTS, {"email": OTHER_EMAIL, "name": OTHER_NAME, "message": MESSAGE})
    bot.call("POST", CONTACTS, {"phone": OTHER_PHONE, "payload": PAYLOAD})
    bot.call("POST", CONTACTS, {"email": OTHER_EMAIL, "phone": OTHER_PHONE})
    for body in REFUSED.values():
        bot.call("POST", CONTACTS, body)
    bot.ask("POST", CONTACTS, TEXT, headers={"Content-Type": "text/plain"})
    bot.call("POST", CONTACTS, contact(), **{"Idempotency-Key": f"{EMAIL} {NAME}\t"})
    for query in (f"email={in_address(EMAIL)}", f"phone={in_address(PHONE)}"):
        bot.call("GET", f"/api/v1/leads/?{query}")
        bot.call("GET", f"/api/v1/contacts/?{query}&limit={in_address(NAME)}")
    bot.call("GET", f"/api/v1/contacts/?external_id={in_address(EXTERNAL_ID)}")
    for path in (
        f"/api/v1/leads/{EMAIL}",
        f"/api/v1/contacts/{PHONE}/close/",
        f"/api/v1/{NAME[:7]}",
    ):
        bot.call("POST", path, contact())
    bot.call("DELETE", f"/api/v1/leads/?email={in_address(EMAIL)}")
    stranger = Visitor(port, {"Authorization": f"Bearer {EMAIL}"})
    stranger.call("POST", CONTACTS, contact())
    for how in WAYS:
        if how != "stream":
            bot.call("POST", f"/api/v1/break/{how}/", {}, **{"X-Text": TEXT})
    return [bot, stranger]


def speak_no_http(port: int) -> str:
    """Send what is hardly a request; return what comes back."""
    said = ""
    for line in (
        f"GET /api/v1/leads/?email={EMAIL} and more HTTP/1.1\r\nHost: localhost\r\n\r\n",
        f"GET /leads/?q={EMAIL} HTTP/1.1\r\nHost: localhost\r\nX {NAME}: {MESSAGE}\r\n\r\n",
        f"POST /leads/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {PHONE}\r\n\r\n",
        f"GET /leads/ HTTP/1.1\r\nHost: {EMAIL}\r\nReferer: https://{EMAIL}/?q={PHONE}\r\n\r\n",
        f"GET /{'x' * 9_000}{EMAIL} HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(line.encode())
            connection.settimeout(20)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65_536):
                said += part.decode(errors="replace")
    return said


def signed_in(port: int, username: str) -> Visitor:
    """Return a browser in which somebody has signed in."""
    visitor = Visitor(port)
    login = reverse("login")
    visitor.get(login)
    visitor.post(login, {"username": username, "password": PASSWORD})
    assert "sessionid" in visitor.cookies
    return visitor


def work_of_a_supervisor(visitor: Visitor, world: Mapping[str, Any]) -> None:
    """Search, look, move, rename, merge, take down and download."""
    contacts, leads = reverse("leads:contacts"), reverse("leads:leads")
    typed = [EMAIL, PHONE_AS_TYPED, EXTERNAL_ID, NAME, MESSAGE, f"{EMAIL}\0", EMAIL * 20]
    for text in typed:
        for url in (contacts, leads):
            found = visitor.post(url, {"q": text, "status": ""})
            _follow_links(visitor, url, found)
    visitor.post(contacts, {"q": EMAIL, "received_from": "2030-02-02", "received_to": "2030-01-01"})
    visitor.get(f"{contacts}?q={in_address(EMAIL)}&status=waiting")
    visitor.get(f"{leads}?q={in_address(PHONE)}")
    _move_contacts(visitor, world["contacts"])
    page = reverse("leads:lead", args=[world["lead"]])
    for name in (OTHER_NAME, f"{OTHER_NAME}\u202e", NAME):
        visitor.post(page, {"name": name, "shown": NAME})
    for text in (EMAIL, OTHER_EMAIL, MESSAGE, ""):
        visitor.post(page, {"with_lead": text})
    _take_down(visitor, world["source"])
    _merge(visitor)


def _follow_links(visitor: Visitor, url: str, found: Answer) -> None:
    export = re.search(r'id="export"\s+href="([^"]*)"', found.text)
    if export:
        visitor.get(export[1])
    for rows in re.findall(r'href="(/(?:leads|contacts)/\d+/)"', found.text)[:2]:
        visitor.get(rows)


def _move_contacts(visitor: Visitor, numbers: list[int]) -> None:
    first, *others = numbers
    for move, reason in (("close", REASON), ("reopen", REASON), ("requeue", f"{REASON}\x1b")):
        url = reverse(f"leads:{move}_contact", args=[first])
        version = re.search(r'name="version" value="(\d+)"', visitor.get(url).text)
        visitor.post(url, {"reason": reason, "version": version[1] if version else "1"})
    chosen = {"move": "close", "pk": others, "next": reverse("leads:contacts")}
    visitor.post(reverse("leads:move_contacts"), chosen)
    job = visitor.answers[-1][1]
    visitor.post(job, {"reason": REASON})


def _take_down(visitor: Visitor, source: int) -> None:
    new = reverse("leads:create_contact")
    visitor.get(new)
    fields = {"source": source, "email": EMAIL, "name": NAME, "message": MESSAGE}
    visitor.post(new, fields)
    visitor.post(new, fields | {"phone": f"{PHONE} or so", "name": f"{NAME}\x1b"})


def _merge(visitor: Visitor) -> None:
    duplicates = reverse("leads:duplicates")
    page = visitor.get(duplicates)
    merging = re.search(r'href="(/leads/\d+/merge/\d+/)"', page.text)
    assert merging, "there is a pair to merge"
    pair = re.search(r'id="pair-(\d+)-(\d+)"', page.text)
    lead, other = pair[1], pair[2]
    visitor.post(duplicates, {"lead": lead, "other": other})
    visitor.post(duplicates, {"lead": lead, "other": other, "again": "1"})
    preview = visitor.get(merging[1])
    stamp = re.search(r'name="expected" value="([^"]*)"', preview.text)
    visitor.post(merging[1], {"expected": stamp[1]})
    visitor.get(merging[1])


def look_at_everything(visitor: Visitor, paths: list[str], *, by_htmx: bool) -> None:
    """Open every page, as a browser asks for it, or as htmx does."""
    for path in paths:
        here = {"HX-Request": "true", "HX-Current-URL": f"http://localhost{path}"}
        visitor.get(path, **(here if by_htmx else {}))


def go_astray(visitor: Visitor) -> None:
    """Ask for what is not there, is not allowed, or is broken."""
    encoded = [in_address(text) for text in (EMAIL, PHONE, NAME, MESSAGE)]
    for text in encoded:
        visitor.get(f"/leads/{text}/")
        visitor.get(f"/{text}")
        visitor.get(f"/contacts/move/{text}/")
        visitor.get(f"/contacts/?search={text}&status={text}&before={text}")
    visitor.get(f"/contacts/?{'&'.join(f'x{n}={encoded[0]}' for n in range(200))}")
    posted = {"q": EMAIL, "name": NAME, "with_lead": PHONE}
    wrong = {"X-CSRFToken": "wrong", "Referer": f"http://localhost/leads/?q={encoded[0]}"}
    visitor.post("/leads/", posted, **wrong)
    visitor.post("/leads/", posted, **wrong, Origin=f"https://{EMAIL}")
    visitor.post("/leads/", {f"{NAME} {n}": EMAIL for n in range(3_200)})
    visitor.ask(
        "POST",
        "/leads/",
        f'--x\r\nContent-Disposition: form-data; name="{EMAIL}"\r\n\r\n{MESSAGE}',
        headers={"Content-Type": "multipart/form-data; boundary="},
    )
    visitor.ask("PUT", "/leads/", TEXT, headers={})
    for how in WAYS:
        visitor.post(f"/break/{how}/", {"text": TEXT})


def type_addresses(visitor: Visitor, world: Mapping[str, Any]) -> None:
    """Open addresses with personal data in them, as nothing of ours makes them."""
    page = reverse("leads:lead", args=[world["lead"]])
    visitor.get(f"{page}?with_lead={in_address(OTHER_EMAIL)}")
    visitor.get(f"{reverse('leads:create_contact')}?email={in_address(EMAIL)}")
    visitor.get(f"/admin/leads/lead/{in_address(EMAIL)}/change/")
    visitor.get(f"/admin/leads/contact/?status__exact={in_address(NAME)}&name={in_address(EMAIL)}")


def work_of_an_administrator(visitor: Visitor, world: Mapping[str, Any]) -> None:
    """Look for leads and contacts in Django's admin, rename one, and run actions."""
    for model in ("lead", "contact", "idempotencyrecord"):
        listing = reverse(f"admin:leads_{model}_changelist")
        for text in (EMAIL, EMAIL[:8], PHONE, NAME, f"{EMAIL}\0"):
            visitor.post(f"{listing}search/", {"q": text})
        visitor.get(f"{listing}?q={in_address(EMAIL)}")
    lead = reverse("admin:leads_lead_change", args=[world["lead"]])
    shown = visitor.get(lead).text
    known = re.search(r'name="initial-name" value="([^"]*)"', shown)
    visitor.post(
        lead,
        {"name": OTHER_NAME, "initial-name": known[1] if known else NAME, "_save": "Save"},
    )
    visitor.post(lead, {"name": f"{NAME}\x1b", "initial-name": OTHER_NAME, "_save": "Save"})
    visitor.get(reverse("admin:leads_lead_history", args=[world["lead"]]))
    listing = reverse("admin:leads_contact_changelist")
    chosen = {"action": "reopen", "_selected_action": world["contacts"]}
    visitor.post(listing, chosen)
    visitor.post(visitor.answers[-1][1], {"reason": REASON})
    conflicts = reverse("admin:leads_leadconflict_changelist")
    visitor.post(conflicts, {"action": "mark_resolved", "_selected_action": world["conflicts"]})
    for model in ("lead", "contact", "assignment", "leadconflict", "idempotencyrecord"):
        visitor.get(reverse(f"admin:leads_{model}_changelist"))
    visitor.get(reverse("admin:distribution_auditevent_changelist"))
    visitor.get(reverse("admin:index"))


def rows_of_a_file() -> str:
    """Return a file to import: good rows, and rows that are refused in every way."""
    lines = [
        "mail,phone,who,id,text",
        f"{EMAIL},{PHONE},{NAME},{EXTERNAL_ID},{MESSAGE}",
        f"{EMAIL}@@,{PHONE},{NAME},{EXTERNAL_ID},x",
        f"{OTHER_EMAIL},{PHONE}{PHONE},{NAME},{EXTERNAL_ID},x",
        f"{OTHER_EMAIL},,{NAME * 40},,x",
        f",,{NAME},,{MESSAGE}",
        f'{OTHER_EMAIL},,{OTHER_NAME}\x1b,,"{MESSAGE}\x07"',
        f"{OTHER_EMAIL},,{OTHER_NAME},{EXTERNAL_ID * 40},x",
        f"{OTHER_EMAIL},,{OTHER_NAME},,x,{MESSAGE},too many",
    ]
    return "\n".join(lines) + "\n"
