"""A number for each set of weights that a source has had, renewed by whatever changes the weights.

By triggers (distribution/triggers.py): so it holds for whatever way there is of changing them.
"""

from django.db import migrations

import distribution.fields
from distribution.triggers import create_triggers, drop_triggers


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0007_operator_not_free"),
    ]

    operations = [
        migrations.AddField(
            model_name="source",
            name="weights_version",
            field=distribution.fields.RenewedByTriggers(db_default=0, editable=False),
        ),
        migrations.RunPython(create_triggers, drop_triggers),
    ]
