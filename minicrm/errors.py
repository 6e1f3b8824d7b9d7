"""What a service raises when it will not do what it was asked: pages and the API word it alike."""

from collections.abc import Mapping
from typing import Any


class ServiceError(Exception):
    """A refusal: a stable `code`, a sentence for people, and the `field` at fault, if one is.

    `present` says how the object is now, where that is the reason.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        present: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.present = present


class NotFound(ServiceError):
    """The named object does not exist, or is none of the caller's business."""


class Invalid(ServiceError):
    """A value breaks a rule."""


class Conflict(ServiceError):
    """The request is sound, but the present state does not allow it."""


class Busy(ServiceError):
    """The same work is under way elsewhere; the same request may succeed in a moment."""
