"""What tests of pages look at."""

from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext


def queries_of(client, url, **query):
    """Return how many queries a page needs, once the client is known."""
    client.get(url, query)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url, query).status_code == 200
    return len(captured)


def said(response):
    """Return the texts of the toasts that an answer leaves for the next page."""
    return [str(message) for message in get_messages(response.wsgi_request)]
