"""Addresses in Django's admin, and what its pages say."""

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

# What a browser sends with the read-only table of weights under a source.
NO_WEIGHTS = {"weights-TOTAL_FORMS": 0, "weights-INITIAL_FORMS": 0}


def add_url(model):
    return reverse(f"admin:distribution_{model}_add")


def change_url(obj):
    return reverse(f"admin:distribution_{obj._meta.model_name}_change", args=[obj.pk])


def delete_url(obj):
    return reverse(f"admin:distribution_{obj._meta.model_name}_delete", args=[obj.pk])


def list_url(model):
    return reverse(f"admin:distribution_{model}_changelist")


def run_action(client, model, action, *objects):
    data = {"action": action, "_selected_action": [obj.pk for obj in objects]}
    return client.post(list_url(model), data, follow=True)


def queries_of(client, url):
    """Return how many queries a page needs once the content types are known."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        client.get(url)
    return len(captured)


def messages_of(response):
    return [str(message) for message in response.context["messages"]]


def errors_of(response):
    return response.context["adminform"].form.errors
