"""The index by which those are found, among thousands of operators, who cannot take a contact."""

from django.db import migrations, models

from minicrm.beside_traffic import AddIndexBesideTraffic


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("distribution", "0006_operator_is_free"),
    ]

    operations = [
        AddIndexBesideTraffic(
            model_name="operator",
            index=models.Index(
                condition=models.Q(("is_free", False)), fields=["id"], name="operator_not_free"
            ),
        ),
    ]
