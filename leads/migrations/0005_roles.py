"""The groups that pages ask for, each with what its members may do."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

LOOK = [
    "distribution.view_operator",
    "distribution.view_source",
    "distribution.view_operatorsourceweight",
    "distribution.view_auditevent",
    "leads.view_lead",
    "leads.view_contact",
    "leads.view_assignment",
    "leads.view_leadconflict",
]
CHANGE = [
    "distribution.add_operator",
    "distribution.change_operator",
    "distribution.add_source",
    "distribution.change_source",
    "distribution.add_operatorsourceweight",
    "distribution.change_operatorsourceweight",
    "distribution.delete_operatorsourceweight",
    "leads.add_contact",
    "leads.change_contact",
    "leads.change_lead",
    "leads.change_leadconflict",
]
ADMINISTER = [
    "distribution.delete_operator",
    "distribution.delete_source",
    "distribution.view_apikey",
    "distribution.add_apikey",
    "distribution.change_apikey",
    "distribution.delete_apikey",
    "auth.view_user",
    "auth.add_user",
    "auth.change_user",
    "auth.delete_user",
    "auth.view_group",
]
ROLES = {
    "viewer": LOOK,
    "supervisor": LOOK + CHANGE,
    "administrator": LOOK + CHANGE + ADMINISTER,
}


def add_roles(apps, schema_editor):
    """Create the groups; one that is there already keeps what it has, and gets what it lacks."""
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    alias = schema_editor.connection.alias
    # Django adds permissions after all migrations; the groups need them now.
    for label in ("auth", "distribution", "leads"):
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, apps=apps, using=alias, verbosity=0)
        config.models_module = None
    for name, wanted in ROLES.items():
        group, _created = group_model.objects.using(alias).get_or_create(name=name)
        for permission in wanted:
            label, codename = permission.split(".")
            group.permissions.add(
                permission_model.objects.using(alias).get(
                    content_type__app_label=label, codename=codename
                )
            )


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0004_period_constraints"),
        ("distribution", "0003_managing_keys_move_contacts"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    # Going back leaves the groups: people may be in them.
    operations = [migrations.RunPython(add_roles, migrations.RunPython.noop)]
