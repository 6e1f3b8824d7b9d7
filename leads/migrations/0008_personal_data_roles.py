"""Supervisors see personal data in full, administrators erase it."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

ROLES = {
    "supervisor": ["leads.see_personal_data"],
    "administrator": ["leads.see_personal_data", "leads.erase_lead"],
}


def extend_roles(apps, schema_editor):
    """Give the roles what is new; whoever took a group away does not get it back."""
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    alias = schema_editor.connection.alias
    # Django adds permissions after all migrations; the groups need them now.
    config = apps.get_app_config("leads")
    config.models_module = True
    create_permissions(config, apps=apps, using=alias, verbosity=0)
    config.models_module = None
    for group in group_model.objects.using(alias).filter(name__in=ROLES):
        for permission in ROLES[group.name]:
            label, codename = permission.split(".")
            group.permissions.add(
                permission_model.objects.using(alias).get(
                    content_type__app_label=label, codename=codename
                )
            )


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0007_erased_leads"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    # Going back leaves the permissions: they allow nothing that is not there.
    operations = [migrations.RunPython(extend_roles, migrations.RunPython.noop)]
