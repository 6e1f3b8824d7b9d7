"""What a contact must look like, whether a bot posts it or a file is imported."""

from typing import Annotated, Any

from django.conf import settings
from ninja import Field
from pydantic import ConfigDict, WithJsonSchema

from distribution.models import NAME_LENGTH
from leads.identity import MAX_EMAIL, MAX_EXTERNAL_ID
from leads.models import MESSAGE_LENGTH
from minicrm.patterns import visible_pattern
from minicrm.schemas import Line, ObjectId, OptionalLine, Payload, RequestSchema, Text

MAX_TYPED_PHONE = 40  # characters, with blanks and brackets
# What the document can say of these two; `identity` checks them.
EMAIL = WithJsonSchema({"type": "string", "format": "email", "maxLength": MAX_EMAIL})
PHONE = WithJsonSchema({"type": "string", "format": "phone", "maxLength": MAX_TYPED_PHONE})


def _with_a_key(schema: dict[str, Any]) -> None:
    """Let the document say that one of the keys must be there, with something to see in it."""
    given = {"type": "string", "pattern": visible_pattern()}
    names = ("external_id", "email", "phone")
    schema["anyOf"] = [{"required": [name], "properties": {name: given}} for name in names]


class ContactIn(RequestSchema):
    """Somebody asks for something. At least one of `external_id`, `email`, `phone` is needed.

    Blank texts count as left out. Keys are compared in a normal form: ids and e-mails without
    regard to case, phone numbers in E.164.
    """

    model_config = ConfigDict(json_schema_extra=_with_a_key)

    source_id: ObjectId | None = Field(
        None, examples=[1], description="May be left out with a key that is bound to one source"
    )
    external_id: Annotated[Line, Field(max_length=MAX_EXTERNAL_ID)] | None = Field(
        None, examples=["tg-1001"], description="The lead's id in your system"
    )
    email: Annotated[Line, Field(max_length=MAX_EMAIL), EMAIL] | None = Field(
        None, examples=["lead@example.com"]
    )
    phone: Annotated[Line, Field(max_length=MAX_TYPED_PHONE), PHONE] | None = Field(
        None,
        examples=["+44 20 7946 0123"],
        description=f"International, or as dialled in {settings.PHONE_REGION}",
    )
    name: Annotated[OptionalLine, Field(max_length=NAME_LENGTH)] | None = Field(
        None, examples=["A. Lead"], description="What to call the lead"
    )
    message: Annotated[Text, Field(max_length=MESSAGE_LENGTH)] | None = Field(
        None, examples=["Please call me back."]
    )
    payload: Payload | None = Field(
        None, examples=[{"campaign": "spring"}], description="Anything else, kept as it is"
    )
