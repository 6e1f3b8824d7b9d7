"""What tests of the page of a source's weights share: what it sends, and what it shows."""

import re

from django.urls import reverse

from distribution.models import OperatorSourceWeight
from distribution.tests.factories import SourceFactory, WeightFactory


def page_of(source):
    return reverse("leads:source", args=[source.pk])


def save_url(source):
    return reverse("leads:set_weights", args=[source.pk])


def stored(source):
    rows = OperatorSourceWeight.objects.filter(source=source).order_by("operator_id")
    return dict(rows.values_list("operator_id", "weight"))


def set_of(*weights, **facts):
    """A source and the ids of its operators, who have these weights."""
    source = SourceFactory()
    rows = [WeightFactory(source=source, weight=weight, **facts) for weight in weights]
    return source, [row.operator_id for row in rows]


def fields(weights, was, **more):
    return (
        {f"weight-{one}": weight for one, weight in weights.items()}
        | {f"was-{one}": weight for one, weight in was.items()}
        | more
    )


def text_of(response):
    return re.sub(r"\s+", " ", response.content.decode())


def shown(response, name, operator_id):
    """What an output of the operator's row says."""
    found = re.search(rf'id="{name}-{operator_id}"[^>]*>([^<]*)<', text_of(response))
    return found[1].replace("&lt;", "<").strip()


def typed_in(response, operator_id):
    tag = re.search(rf'<input [^>]*id="weight-{operator_id}"[^>]*>', text_of(response))[0]
    return re.search(r'value="([^"]*)"', tag)[1]


def undo(client, url):
    """Press the button of the note that a page shows."""
    note = re.search(r"<div class=\"note.*?</form>", text_of(client.get(url)))[0]
    hidden = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', note))
    action = re.search(r'action="([^"]*)"', note)[1]
    assert client.post(action, hidden).status_code == 302


def sent_by(page):
    """What the form of the weights sends."""
    text = text_of(page)
    data = {"remove": []}
    for tag in re.findall(r"<input [^>]*>", text[text.index('<form id="weights-form"') :]):
        name, value = (re.search(rf' {part}="([^"]*)"', tag) for part in ("name", "value"))
        if name and name[1].startswith(("weight-", "was-")):
            data[name[1]] = value[1]
        elif name and name[1] == "remove" and " checked" in tag:
            data["remove"].append(value[1])
    return data
