"""Who got the latest contacts of a source, to hold against the weights."""

from collections import Counter

from distribution.models import Source
from leads.models import Assignment, Contact

LAST = 200  # contacts
# Contacts of the source, newest first, among which to look for those that somebody got. However
# long the queue is, the page must not read all of it.
LOOKED_THROUGH = 10_000
# By hand is nobody's share; neither is what an operator left behind, or had before.
DRAWN = (Assignment.Method.WEIGHTED_RANDOM, Assignment.Method.DRAIN)


def latest_draws(source: Source) -> Counter[int]:
    """Return how many of the latest draws each operator got, by operator id.

    Draws of the newest `LAST` contacts that have an operator: on arrival, or from the queue.
    """
    contacts = Contact.objects.filter(source=source).order_by("-pk")
    oldest = contacts.values_list("pk", flat=True)[LOOKED_THROUGH : LOOKED_THROUGH + 1].first()
    given = contacts.filter(operator__isnull=False, pk__gt=oldest or 0)[:LAST]
    draws = Assignment.objects.filter(contact__in=given.values("pk"), method__in=DRAWN)
    # Put in order here: asked for an order, SQLite might look for them among all there ever were.
    newest = sorted(draws.order_by().values_list("pk", "operator_id"), reverse=True)[:LAST]
    return Counter(operator_id for _pk, operator_id in newest)
