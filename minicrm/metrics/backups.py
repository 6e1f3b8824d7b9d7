"""When the last backup was made from here, for an alert when it is too long ago."""

import json
from datetime import datetime

from django.conf import settings
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from minicrm.backups.files import RECORD


def backup_metrics() -> list[Metric]:
    """Return time and size of the last backup that `manage.py backup` has noted, if any has."""
    try:
        facts = json.loads((settings.DATA_DIR / RECORD).read_text())
        moment = datetime.fromisoformat(facts["time"]).timestamp()
        size = int(facts["bytes"])
    except (OSError, ValueError, KeyError, TypeError):  # none so far, or not one of ours
        return []
    return [
        GaugeMetricFamily(
            "minicrm_last_backup_timestamp_seconds", "When the last backup was begun", value=moment
        ),
        GaugeMetricFamily("minicrm_last_backup_bytes", "Size of the last backup", value=size),
    ]
