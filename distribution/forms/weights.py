"""What somebody typed into the table of a source's weights, and what the table showed them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from django.http import QueryDict

from distribution import shares
from distribution.models import MAX_WEIGHT

MAX_ROWS = 1_000  # as many operators as the API takes for one source

NUMBER = re.compile(r"[0-9]{1,5}")
NAMED_FIELD = re.compile(r"(weight|was)-([1-9][0-9]{0,17})")
OPERATOR_ID = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class TypedWeights:
    """A source's set of weights in a form, by operator id.

    `texts` is what the fields say, also of those in `removed`, who are taken out; `was` is the
    stored set that the form began with.
    """

    texts: Mapping[int, str]
    was: Mapping[int, int]
    removed: frozenset[int] = field(default_factory=frozenset)

    @classmethod
    def stored(cls, weights: Mapping[int, int]) -> TypedWeights:
        """Return the form that nobody has touched yet."""
        return cls({one: str(weight) for one, weight in weights.items()}, weights)

    @classmethod
    def of(cls, post: QueryDict) -> TypedWeights:
        """Return what was sent: `weight-7`, `was-7`, `remove=7`, and `add=7` with `add-weight`.

        Whatever is not of that kind is none of our fields, and left out.
        """
        texts = dict(_fields(post, "weight"))
        was = {one: parsed(text) for one, text in _fields(post, "was")}
        shown = {one: weight for one, weight in was.items() if weight is not None}
        added = chosen_id(post.get("add", ""))
        if added is not None and added not in texts:
            texts[added] = post.get("add-weight", "")
        ticked = {chosen_id(text) for text in post.getlist("remove")}
        removed = frozenset(one for one in texts if one in ticked)
        return cls(texts, shown, removed)._complete()

    @property
    def kept(self) -> dict[int, str]:
        """The texts of those who stay in the set."""
        return {one: text for one, text in self.texts.items() if one not in self.removed}

    @property
    def wrong(self) -> set[int]:
        """The operators whose weight is no whole number from 0 to 10000."""
        return {one for one, text in self.kept.items() if parsed(text) is None}

    @property
    def weights(self) -> dict[int, int]:
        """The set as it would be stored, without those that are wrong."""
        typed = ((one, parsed(text)) for one, text in self.kept.items())
        return {one: weight for one, weight in typed if weight is not None}

    @property
    def is_too_long(self) -> bool:
        """Whether there are more operators than a source can have."""
        return len(self.kept) > MAX_ROWS

    @property
    def usual(self) -> int:
        """The weight that somebody new in the set may well get: what the others have on average."""
        return max(shares.evened(self.weights).values(), default=1)

    @property
    def is_changed(self) -> bool:
        """Whether saving would change anything."""
        return bool(self.wrong) or self.weights != dict(self.was)

    def evened(self) -> TypedWeights:
        """Return the same with an equal weight for everybody who has one."""
        return self._with(shares.evened(self.weights))

    def copied(self, weights: Mapping[int, int]) -> TypedWeights:
        """Return the same as another source has it; who is not in that set is taken out."""
        copy = self._with(weights)
        return replace(copy, removed=frozenset(copy.texts.keys() - weights.keys()))

    def rebased(self, present: Mapping[int, int]) -> TypedWeights:
        """Return what was typed as a change of the set that is stored by now."""
        return replace(self, was=present)._complete()

    def without(self, operator_ids: Collection[int]) -> TypedWeights:
        """Return the same without some operators, as if they had never been in it."""
        texts = {one: text for one, text in self.texts.items() if one not in operator_ids}
        was = {one: weight for one, weight in self.was.items() if one not in operator_ids}
        return replace(self, texts=texts, was=was, removed=self.removed & texts.keys())

    def _complete(self) -> TypedWeights:
        """Return the same with those who were in the set and have no field: they are taken out."""
        missing = {one: str(weight) for one, weight in self.was.items() if one not in self.texts}
        removed = self.removed | missing.keys()
        return replace(self, texts={**self.texts, **missing}, removed=removed)

    def _with(self, weights: Mapping[int, int]) -> TypedWeights:
        fresh = {one: str(weight) for one, weight in weights.items()}
        return replace(self, texts={**self.texts, **fresh})


def parsed(text: str) -> int | None:
    """Return the weight that a text says, or None for anything but a whole number in range."""
    text = text.strip(" ")
    weight = int(text) if NUMBER.fullmatch(text) else MAX_WEIGHT + 1
    return weight if weight <= MAX_WEIGHT else None


def chosen_id(text: str) -> int | None:
    """Return the id that was chosen in a list; None for no choice, and for nonsense."""
    return int(text) if OPERATOR_ID.fullmatch(text) else None


def _fields(post: QueryDict, kind: str) -> Iterator[tuple[int, str]]:
    for name in post:
        match = NAMED_FIELD.fullmatch(name)
        if match and match[1] == kind:
            yield int(match[2]), str(post[name])
