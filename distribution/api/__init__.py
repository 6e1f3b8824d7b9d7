"""Operators, sources and weights in the JSON API."""

from distribution.api.operators import router as operators_router
from distribution.api.sources import router as sources_router
from distribution.api.weights import config_router, weights_router

__all__ = ["config_router", "operators_router", "sources_router", "weights_router"]
