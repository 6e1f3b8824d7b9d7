"""What must agree between the database and the answers that the clients kept."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from leads.models import Contact, IdempotencyRecord
from tools.stress.answers import Record
from tools.stress.calls import BAD_503, NO_ANSWER
from tools.stress.checks import Finding, found
from tools.stress.periods import Period, periods_by_contact

RECEIPT = ("id", "lead_id", "source_id")
# What the API may answer: success, and refusals that are right when others were faster.
EXPECTED = frozenset(
    {
        "200", "201", NO_ANSWER, "503 unavailable", "409 idempotency_key_in_use",
        "409 contact_changed", "409 contact_closed", "409 operator_at_limit",
        "409 operator_inactive",
    }
)  # fmt: skip


def statuses(records: Iterable[Record]) -> tuple[Finding, Counter[str]]:
    """Every answer is one that the API may give: no 5xx but a 503 with Retry-After."""
    tally: Counter[str] = Counter()
    for record in records:
        tally.update(record["tally"])
    finding = Finding("answers: no 5xx but 503 + Retry-After", tally.total())
    for answer, count in tally.items():
        if answer not in EXPECTED or answer == BAD_503:
            for _ in range(count):
                finding.add(f"{count} x {answer}")
    return finding, tally


def posts_answered(records: Iterable[Record], contacts: int) -> Finding:
    """Who keeps trying gets an answer: each contact of the plan was posted, and acknowledged."""
    posted = {record["name"]: record for record in records if record["kind"] == "post"}
    silent = [f"{name}: {record['tally']}" for name, record in posted.items() if not record["got"]]
    missing = ["a contact was not posted"] * (contacts - len(posted))
    return found("all posts were answered in the end", len(posted), silent + missing)


def contacts_stored_once(records: Iterable[Record]) -> list[Finding]:
    """Each acknowledged contact is stored once, as acknowledged; no other, but unanswered ones.

    A contact's message is the Idempotency-Key that it was posted with.
    """
    receipts: dict[str, Record] = {}
    unanswered: set[str] = set()
    acknowledged = Finding("acknowledged = stored exactly once")
    for record in records:
        name, receipt = record["name"], record["got"]
        if receipt is None:
            unanswered.add(name)
        elif receipts.setdefault(name, receipt) != receipt:
            acknowledged.add(f"{name}: two different answers")
    stored: defaultdict[str, list[Record]] = defaultdict(list)
    for row in Contact.objects.values("message", *RECEIPT, "created_at").iterator(5_000):
        stored[row["message"]].append(row)
    acknowledged.count = len(receipts)
    for name, receipt in receipts.items():
        for what in _differences(receipt, stored.get(name, [])):
            acknowledged.add(f"{name}: {what}")
    unanswered -= receipts.keys()
    doubled = [name for name in unanswered if len(stored.get(name, [])) > 1]
    known = receipts.keys() | unanswered
    others = [f"{len(rows)} x {name!r}" for name, rows in stored.items() if name not in known]
    return [
        acknowledged,
        found("unanswered = stored once or not at all", len(unanswered), doubled),
        found("nothing else is stored", len(stored), others),
    ]


def _differences(receipt: Record, rows: list[Record]) -> Iterator[str]:
    if len(rows) != 1:
        yield f"stored {len(rows)} times"
        return
    row = rows[0]
    for member in RECEIPT:
        if row[member] != receipt[member]:
            yield f"{member} is {row[member]}, acknowledged {receipt[member]}"


def leads_and_keys(records: Iterable[Record]) -> list[Finding]:
    """Each person is one lead, and each key's record holds the contact that was acknowledged."""
    leads: defaultdict[str, set[int]] = defaultdict(set)
    ids: dict[str, int] = {}
    for record in records:
        if record["got"] is not None:
            leads[record["sent"]["external_id"]].add(record["got"]["lead_id"])
            ids[record["name"]] = record["got"]["id"]
    several = [f"{person}: leads {sorted(pks)}" for person, pks in leads.items() if len(pks) > 1]
    answers = IdempotencyRecord.objects.values_list("key", "response")
    kept = {key: (response or {}).get("id") for key, response in answers.iterator(5_000)}
    wrong = [f"{key}: {kept.get(key)} for {pk}" for key, pk in ids.items() if kept.get(key) != pk]
    return [
        found("one lead per person", len(leads), several),
        found("idempotency keys hold what was answered", len(ids), wrong),
    ]


def moves_stored_once(records: Iterable[Record]) -> Finding:
    """Each acknowledged move is in the contact's history once; others only if unanswered."""
    acknowledged: Counter[tuple[int, str]] = Counter()
    possible: Counter[tuple[int, str]] = Counter()
    for record in records:
        move = record["contact"], record["kind"]
        if record["status"] is None or record["status"] >= 500:
            possible[move] += 1
        elif record["got"] is not None and record["got"]["changed"]:
            acknowledged[move] += 1
    stored: Counter[tuple[int, str]] = Counter()
    for contact_id, periods in periods_by_contact():
        stored.update((contact_id, kind) for kind in moves_in(periods))
    finding = Finding("acknowledged moves = stored exactly once", acknowledged.total())
    for move in acknowledged.keys() | stored.keys():
        least, most = acknowledged[move], acknowledged[move] + possible[move]
        if not least <= stored[move] <= most:
            finding.add(f"contact {move[0]}: {move[1]} x {stored[move]}, acknowledged {least}")
    return finding


def moves_in(periods: list[Period]) -> Iterator[str]:
    """Return the moves by hand in a contact's history; what settings caused is left out."""
    for period, following in zip(periods, [*periods[1:], None], strict=True):
        if period.ended_as == "closed":
            yield "close"
            if following is not None:
                yield "reopen"
        elif period.ended_as == "reassigned" or (following and following.method == "manual"):
            yield "reassign"
        elif period.ended_as == "requeued" and period.end_reason:
            yield "requeue"


def equal_posts(records: Iterable[Record]) -> Finding:
    """Equal posts at the same moment are one contact: equal answers, all but one replayed."""
    answers: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        answers[record["name"]].append(record)
    finding = Finding("equal posts: one contact, equal answers", len(answers))
    for name, group in answers.items():
        if any(record["got"] is None or record["got"] != group[0]["got"] for record in group):
            finding.add(f"{name}: answers differ")
        first = sum(not record["replayed"] for record in group)
        if first != 1:
            finding.add(f"{name}: {first} answers of {len(group)} are no replay")
    return finding


def races(records: Iterable[Record]) -> Finding:
    """Of the contacts racing for one last place, one gets it and the others wait."""
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        answers[record["race"]][record["got"]["status"] if record["got"] else "unanswered"] += 1
    finding = Finding("races: one gets the last place", len(answers))
    for race, ends in answers.items():
        if ends["assigned"] != 1 or ends["unanswered"]:
            finding.add(f"{race}: {dict(ends)}")
    return finding
