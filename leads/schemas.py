"""What a contact must look like, whether a bot posts it or a file is imported."""

from typing import Annotated

from django.conf import settings
from ninja import Field

from distribution.models import NAME_LENGTH
from leads.identity import MAX_EMAIL, MAX_EXTERNAL_ID
from leads.models import MESSAGE_LENGTH
from minicrm.schemas import Line, ObjectId, OptionalLine, Payload, RequestSchema, Text


class ContactIn(RequestSchema):
    """Somebody asks for something. At least one of `external_id`, `email`, `phone` is needed.

    Blank texts count as left out. Keys are compared in a normal form: ids and e-mails without
    regard to case, phone numbers in E.164.
    """

    source_id: ObjectId | None = Field(
        None, examples=[1], description="May be left out with a key that is bound to one source"
    )
    external_id: Annotated[Line, Field(max_length=MAX_EXTERNAL_ID)] | None = Field(
        None, examples=["tg-1001"], description="The lead's id in your system"
    )
    email: Annotated[Line, Field(max_length=MAX_EMAIL)] | None = Field(
        None, examples=["lead@example.com"]
    )
    phone: Annotated[Line, Field(max_length=40)] | None = Field(
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
