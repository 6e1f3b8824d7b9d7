"""Events of personal data that was erased or exported; no statement for the database in it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0004_lead_events"),
    ]

    operations = [
        migrations.AlterField(
            model_name="auditevent",
            name="action",
            field=models.CharField(
                choices=[
                    ("created", "created"),
                    ("changed", "changed"),
                    ("deleted", "deleted"),
                    ("revoked", "revoked"),
                    ("erased", "personal data erased"),
                    ("exported", "personal data exported"),
                ],
                editable=False,
                max_length=16,
                verbose_name="action",
            ),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="object_type",
            field=models.CharField(
                choices=[
                    ("operator", "operator"),
                    ("source", "source"),
                    ("weights", "weights"),
                    ("api_key", "API key"),
                    ("user", "user"),
                    ("group", "group"),
                    ("lead", "lead"),
                    ("contacts", "contacts"),
                ],
                editable=False,
                max_length=16,
                verbose_name="kind of object",
            ),
        ),
    ]
