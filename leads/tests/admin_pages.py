"""Addresses in Django's admin, and what its pages show."""

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse


def url_of(obj, page="change"):
    return reverse(f"admin:leads_{obj._meta.model_name}_{page}", args=[obj.pk])


def list_url(model):
    return reverse(f"admin:leads_{model}_changelist")


def url_of_search(model):
    return reverse(f"admin:leads_{model}_search")


def found(client, model, query):
    page = client.post(url_of_search(model), {"q": query}, follow=True)
    return list(page.context["cl"].result_list)


def queries_of(client, url):
    """Return how many queries a page needs once the content types are known."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        client.get(url)
    return len(captured)
