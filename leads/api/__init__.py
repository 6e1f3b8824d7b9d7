"""Contacts and leads in the JSON API."""

from leads.api.contacts import router as contacts_router
from leads.api.leads import router as leads_router
from leads.api.moves import router as moves_router
from leads.api.operators import router as switching_router

__all__ = ["contacts_router", "leads_router", "moves_router", "switching_router"]
