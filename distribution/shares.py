"""Shares of a source's contacts, as pure functions: weights and candidates in, per mille out.

A share is shown in tenths of a per cent. Rounded each for itself, shares would add up to 99.9 % or
100.1 %; here they add up to 100 % (the method of the largest remainder, in whole numbers). The
page's script rounds in the same way: `static/js/weights.js`, and tests hold both to one table.
"""

from collections.abc import Iterable, Mapping, Sequence

from distribution.selection import Candidate

WHOLE = 1_000  # tenths of a per cent


def rounded(parts: Sequence[int], whole: int = WHOLE) -> list[int]:
    """Divide `whole` in proportion to `parts`, none of which is below 0; the result adds up to it.

    Each part gets its quota rounded down; what is left goes, one each, to those that lost most by
    that, of equals to the first. Nothing to divide by: everybody gets 0.
    """
    total = sum(parts)
    if not total:
        return [0] * len(parts)
    shares = [part * whole // total for part in parts]
    lost = [part * whole % total for part in parts]
    by_loss = sorted(range(len(parts)), key=lambda index: -lost[index])
    for index in by_loss[: whole - sum(shares)]:
        shares[index] += 1
    return shares


def configured(candidates: Iterable[Candidate]) -> dict[int, int]:
    """Return each operator's share by the weights alone, by operator id."""
    return _shares({one.operator_id: one.weight for one in candidates})


def now(candidates: Iterable[Candidate], *, source_is_active: bool = True) -> dict[int, int]:
    """Return each operator's chance to get the next contact, by operator id.

    That is the share among those who can take one; a source that is off gives to nobody.
    """
    return _shares(
        {
            one.operator_id: one.weight if source_is_active and one.reason() is None else 0
            for one in candidates
        }
    )


def in_fact(counts: Mapping[int, int], operator_ids: Iterable[int]) -> tuple[dict[int, int], int]:
    """Return what part of the counted contacts each operator got, by operator id, and the others.

    `counts` is by operator id; the others are those of whom `operator_ids` knows nothing.
    """
    known = {operator_id: counts.get(operator_id, 0) for operator_id in operator_ids}
    others = sum(counts.values()) - sum(known.values())
    *shares, rest = rounded([*known.values(), others])
    return dict(zip(known, shares, strict=True)), rest


def evened(weights: Mapping[int, int]) -> dict[int, int]:
    """Return the same weight for everybody who has one, so that their sum stays about the same.

    Who has 0 was left out on purpose, and stays out; unless all have 0, then each gets 1.
    """
    positive = [weight for weight in weights.values() if weight]
    if not positive:
        return dict.fromkeys(weights, 1)
    # Half up, as people round; never 0, as it is at least the smallest of them.
    mean = (2 * sum(positive) + len(positive)) // (2 * len(positive))
    return {one: mean if weight else 0 for one, weight in weights.items()}


def _shares(weights: Mapping[int, int]) -> dict[int, int]:
    return dict(zip(weights, rounded(list(weights.values())), strict=True))
