"""How distribution tells that places were freed, without knowing who waits for them."""

from django.dispatch import Signal

# Sent inside the transaction that made operators available, with `source_ids` (the sources
# concerned, whose rows the sender has locked) and `actor`. A receiver that fails undoes the
# transaction: a change that frees places and the use of those places are one step.
capacity_freed = Signal()
