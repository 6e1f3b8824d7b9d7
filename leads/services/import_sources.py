"""The sources of imported rows, which name them in words."""

from distribution.models import Source
from distribution.services import create_source
from minicrm.errors import Conflict, Invalid, NotFound
from minicrm.schemas import MAX_ID

ACTOR = "import"


class SourceFinder:
    """Finds the source of each row, and creates those that are missing if that is wished."""

    def __init__(self, *, fixed: Source | None, default: str | None, create: bool) -> None:
        """Serve `fixed` for every row, or the source the row names, `default` where it is blank."""
        self._fixed = fixed
        self._default = default
        self._create = create
        self._known: dict[str, int] = {}

    def identity(self, name: str | None) -> str:
        """Return what stands for the source in a row's identity. Raises Invalid for none at all.

        That is the id where one source was named for all rows, and the row's own word elsewhere:
        renaming a source makes no known row look new.
        """
        if self._fixed is not None:
            return f"id:{self._fixed.pk}"
        return f"name:{self._name(name)}"

    def find(self, name: str | None) -> int:
        """Return the source's id. Raises Invalid, NotFound."""
        if self._fixed is not None:
            return self._fixed.pk
        name = self._name(name)
        if name not in self._known:
            self._known[name] = self._look_up(name)
        return self._known[name]

    def forget(self) -> None:
        """Look every source up again: what was created has been rolled back."""
        self._known.clear()

    def _name(self, name: str | None) -> str:
        name = name or self._default
        if name is None:
            raise Invalid("source_required", "The row names no source, and there is no default.")
        return name

    def _look_up(self, name: str) -> int:
        found = Source.objects.filter(name=name).values_list("pk", flat=True)
        if self._create and not found.exists():
            try:
                return create_source(name=name, actor=ACTOR).pk
            except Conflict:
                pass  # somebody else has just created it
        source_id = found.first()
        if source_id is None:
            raise NotFound("source_not_found", f"There is no source named {name!r}.")
        return source_id


def source_named(name_or_id: str) -> Source | None:
    """Return the source of that name, else the one of that id, else None."""
    found = Source.objects.filter(name=name_or_id).first()
    if found is None and name_or_id.isascii() and name_or_id.isdigit():
        number = int(name_or_id[:20])
        found = Source.objects.filter(pk=number).first() if number <= MAX_ID else None
    return found
