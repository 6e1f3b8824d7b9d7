"""Leads know when they were erased; the permissions to erase, and to see personal data in full."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0006_merged_leads"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="lead",
            options={
                "ordering": ["id"],
                "permissions": [
                    ("see_personal_data", "Can see personal data unmasked and in full"),
                    ("erase_lead", "Can erase the personal data of a lead"),
                ],
                "verbose_name": "lead",
                "verbose_name_plural": "leads",
            },
        ),
        # Null and without a default: no row is written, whatever their number.
        migrations.AddField(
            model_name="lead",
            name="erased_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="When the personal data was erased; nothing brings it back.",
                null=True,
                verbose_name="erased",
            ),
        ),
    ]
