"""An erased lead has neither keys nor a name: the database sees to it."""

from django.db import migrations, models

from minicrm.beside_traffic import AddCheckBesideTraffic


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("leads", "0010_contacts_to_forget"),
    ]

    operations = [
        AddCheckBesideTraffic(
            model_name="lead",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("erased_at__isnull", True),
                    models.Q(
                        ("email__isnull", True),
                        ("external_id__isnull", True),
                        ("name", ""),
                        ("phone__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="lead_erased_has_nothing",
            ),
        ),
    ]
