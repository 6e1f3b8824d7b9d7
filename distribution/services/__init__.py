"""The only place that locks operators or changes load, weights and availability.

Every function runs in one transaction, in this lock order: sources by id, then operators by id.
docs/architecture.md says why.
"""

from distribution.services.assignment import Claim, claim_operator
from distribution.services.deleting import delete_operator, delete_operators, delete_source
from distribution.services.free_places import FreePlaces
from distribution.services.loads import recount_load
from distribution.services.operators import create_operator, update_operator
from distribution.services.places import give_up_places, take_place
from distribution.services.sources import create_source, update_source
from distribution.services.weights import (
    add_weight,
    remove_weight,
    replace_weights,
    update_weight,
)

__all__ = [
    "Claim",
    "FreePlaces",
    "add_weight",
    "claim_operator",
    "create_operator",
    "create_source",
    "delete_operator",
    "delete_operators",
    "delete_source",
    "give_up_places",
    "recount_load",
    "remove_weight",
    "replace_weights",
    "take_place",
    "update_operator",
    "update_source",
    "update_weight",
]
