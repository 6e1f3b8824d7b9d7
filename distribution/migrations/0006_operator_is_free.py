"""Who is active and below their limit, told by the database itself.

On PostgreSQL the table of operators is written anew: some milliseconds for some thousand of them.
Whoever began to read the database before that, and comes to this table afterwards, finds it empty: so
no backup at the same time (docs/operations.md).
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0005_personal_data_events"),
    ]

    operations = [
        migrations.AddField(
            model_name="operator",
            name="is_free",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Q(
                    ("current_load__lt", models.F("max_load")), ("is_active", True)
                ),
                output_field=models.BooleanField(),
            ),
        ),
    ]
