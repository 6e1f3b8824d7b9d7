"""/leads/: who asked."""

from datetime import datetime
from typing import Annotated

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema

from distribution.authentication import require_all_sources
from leads.identity import MAX_EMAIL, MAX_EXTERNAL_ID
from leads.models import Lead
from leads.schemas import EMAIL, MAX_TYPED_PHONE, PHONE
from leads.services.registration import checked_keys
from minicrm.errors import NotFound
from minicrm.pagination import Page, paginate
from minicrm.responses import responses
from minicrm.schemas import ObjectId, QueryText

router = Router(tags=["Leads"])


class LeadOut(Schema):
    """A person and the keys they are known by, in their normal forms."""

    id: int = Field(examples=[1])
    external_id: str | None = Field(examples=["tg-1001"])
    email: str | None = Field(examples=["lead@example.com"])
    phone: str | None = Field(examples=["+442079460123"])
    name: str = Field(examples=["A. Lead"])
    merged_into_id: int | None = Field(
        examples=[None],
        description="The lead that this one turned out to be, which has the contacts of both",
    )
    created_at: datetime
    erased_at: datetime | None = Field(
        examples=[None], description="When keys and name were erased; the contacts stay as numbers"
    )


class LeadFilters(Page):
    """Which leads to list; keys may be in any spelling."""

    external_id: Annotated[QueryText, Field(max_length=MAX_EXTERNAL_ID)] | None = None
    email: Annotated[QueryText, Field(max_length=MAX_EMAIL), EMAIL] | None = None
    phone: Annotated[QueryText, Field(max_length=MAX_TYPED_PHONE), PHONE] | None = Field(
        None, description=f"International, or as dialled in {settings.PHONE_REGION}"
    )


@router.get("/", response=responses({200: list[LeadOut]}, 422))
def list_leads(
    request: HttpRequest, response: HttpResponse, filters: Query[LeadFilters]
) -> list[Lead]:
    """List leads in ascending id, or find one by its keys."""
    require_all_sources(request)
    given = filters.model_dump(include={"external_id", "email", "phone"})
    keys = checked_keys(**given).present()
    return paginate(request, response, Lead.objects.filter(**keys), filters)


@router.get("/{int:lead_id}", response=responses({200: LeadOut}, 404))
def get_lead(request: HttpRequest, lead_id: ObjectId) -> Lead:
    """Return one lead."""
    require_all_sources(request)
    lead = Lead.objects.filter(pk=lead_id).first()
    if lead is None:
        raise NotFound("lead_not_found", f"There is no lead {lead_id}.")
    return lead
