"""The alert rules that we ship name what /metrics tells; docs/monitoring.md knows all of it."""

import re

import pytest
import yaml
from django.conf import settings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from leads.tests.factories import AssignedContactFactory

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

ALERTS = settings.BASE_DIR / "deploy/prometheus/alerts.yml"
DOCUMENT = settings.BASE_DIR / "docs/monitoring.md"
NAME = re.compile(r"\bminicrm_[a-z_]+")
SELECTOR = re.compile(r"(minicrm_[a-z_]+)\{([^}]*)\}")
LABEL = re.compile(r'(\w+)(=~?)"([^"]*)"')


def rules():
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture
def families(settings):
    """What /metrics tells after one request of the kind that the rules ask for."""
    settings.METRICS_TOKEN = "t" * 40
    AssignedContactFactory()
    client = Client(headers={"Authorization": f"Bearer {'t' * 40}"})
    client.get("/metrics")
    client.post("/api/v1/contacts/")
    (settings.DATA_DIR / "last_backup.json").write_text(
        '{"time": "2026-11-22T09:00:00+00:00", "bytes": 1}'
    )
    text = client.get("/metrics").content.decode()
    return list(text_string_to_metric_families(text))


@pytest.fixture
def samples(families):
    """The samples by their names."""
    found = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def test_rules_are_whole():
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 10
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert re.fullmatch(r"[0-9]+[mhd]", rule["for"])
        for one, other in ("()", "{}", "[]"):
            assert rule["expr"].count(one) == rule["expr"].count(other)


def test_every_metric_of_a_rule_exists_with_its_labels(samples):
    for rule in rules():
        assert NAME.search(rule["expr"]) or rule["alert"] == "MiniCrmDown"
        for name in NAME.findall(rule["expr"]):
            assert name in samples, rule["alert"]
        for name, selector in SELECTOR.findall(rule["expr"]):
            for label, operator, value in LABEL.findall(selector):
                values = {labels[label] for labels in samples[name]}
                fits = re.compile(value if operator == "=~" else re.escape(value)).fullmatch
                # No request has failed here: but the word for those that did is of one form.
                assert any(map(fits, values)) or value == "5xx", (rule["alert"], label)


def test_every_label_in_a_text_survives_the_expression(samples):
    for rule in rules():
        for label in re.findall(r"\$labels\.(\w+)", str(rule["annotations"])):
            kept = re.findall(r"(?:by|group_left) \(([^)]*)\)", rule["expr"])
            assert not kept or any(label in names for names in kept), rule["alert"]


def test_the_document_explains_every_metric_and_every_alert(families):
    document = DOCUMENT.read_text()
    for family in families:
        told = f"{family.name}_total" if family.type == "counter" else family.name
        assert f"`{told}`" in document
    known = {name for family in families for name in (family.name, f"{family.name}_total")}
    known |= {f"{family.name}_{part}" for family in families for part in ("count", "sum", "bucket")}
    assert set(NAME.findall(document)) <= known
    for rule in rules():
        assert rule["alert"] in document
