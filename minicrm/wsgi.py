"""The WSGI application that gunicorn serves."""

import gc
import os

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "minicrm.settings")


class Utf8Request(WSGIRequest):
    """A request whose address and forms are read in UTF-8, whatever its `Content-Type` claims.

    Django reads them in the charset named there, and Python knows charsets, such as hex, that fail
    on any text: the request would break before anything of ours sees it.
    """

    @property
    def encoding(self) -> str:
        """Always UTF-8."""
        return "utf-8"

    @encoding.setter
    def encoding(self, value: str) -> None:
        """Leave it as it is."""


class Utf8Handler(WSGIHandler):
    """Django's handler, with our requests."""

    request_class = Utf8Request


django.setup(set_prefix=False)
# All of the code now, not at a worker's first request, which would wait for it.
get_resolver().url_patterns  # noqa: B018
application = Utf8Handler()

# What is loaded now stays: no use in looking through it for garbage again and again. And a request
# makes some thousand objects, nearly none of them in circles: to look for those after each few
# hundred costs more than they take.
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 10, 10)
