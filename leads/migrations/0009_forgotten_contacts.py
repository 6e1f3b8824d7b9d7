"""Contacts know when what came with them was forgotten."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0008_personal_data_roles"),
    ]

    operations = [
        # Null and without a default: no row is written, whatever their number.
        migrations.AddField(
            model_name="contact",
            name="forgotten_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="When what the person sent with it was deleted.",
                null=True,
                verbose_name="forgotten",
            ),
        ),
    ]
