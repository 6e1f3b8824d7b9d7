"""The index by which contacts are found that are old enough to be forgotten."""

from django.db import migrations, models

from minicrm.beside_traffic import AddIndexBesideTraffic


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("leads", "0009_forgotten_contacts"),
    ]

    operations = [
        AddIndexBesideTraffic(
            model_name="contact",
            index=models.Index(
                condition=models.Q(
                    ("status", "closed"),
                    models.Q(
                        ("forgotten_at__isnull", True),
                        ("forgotten_at__lt", models.F("closed_at")),
                        _connector="OR",
                    ),
                ),
                fields=["closed_at"],
                name="contact_to_forget",
            ),
        ),
    ]
