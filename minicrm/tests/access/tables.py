"""Who may do what at which address. Whatever is not written down here fails the suite."""

from minicrm.tests.access.callers import Key, Level

PUBLIC, NOBODY, VIEWER, SUPERVISOR, ADMINISTRATOR, SUPERUSER = Level

# Pages: (who may look, who may post), at least; None: nobody, for the page has no such method.
LOOKED_AT, WITH_FORM, CHANGED = (VIEWER, None), (SUPERVISOR, SUPERVISOR), (None, SUPERVISOR)
LOOKED_AT_AND_CHANGED = (VIEWER, SUPERVISOR)
ADMINISTERED = (ADMINISTRATOR, ADMINISTRATOR)
OPEN = (PUBLIC, None)
PAGES = {
    "healthz": OPEN,
    "readyz": OPEN,
    "login": (PUBLIC, PUBLIC),
    "logout": (None, NOBODY),
    "set_language": (PUBLIC, PUBLIC),
    "set_theme": (None, PUBLIC),
    "password_change": (NOBODY, NOBODY),
    "password_change_done": (NOBODY, None),
    "leads:overview": LOOKED_AT,
    "leads:operators": LOOKED_AT,
    "leads:create_operator": WITH_FORM,
    "leads:change_operators": CHANGED,
    "leads:operator": LOOKED_AT,
    "leads:edit_operator": WITH_FORM,
    "leads:switch_operator": WITH_FORM,
    "leads:set_limit": CHANGED,
    "leads:take_next": WITH_FORM,
    "leads:sources": LOOKED_AT,
    "leads:create_source": WITH_FORM,
    "leads:source": LOOKED_AT,
    "leads:edit_source": WITH_FORM,
    "leads:switch_source": CHANGED,
    "leads:set_weights": CHANGED,
    "leads:contacts": (VIEWER, VIEWER),
    "leads:create_contact": WITH_FORM,
    "leads:export_contacts": LOOKED_AT,
    "leads:move_contacts": CHANGED,
    "leads:move_job": WITH_FORM,
    "leads:contact": LOOKED_AT,
    "leads:close_contact": WITH_FORM,
    "leads:reassign_contact": WITH_FORM,
    "leads:requeue_contact": WITH_FORM,
    "leads:reopen_contact": WITH_FORM,
    "leads:leads": (VIEWER, VIEWER),
    "leads:duplicates": LOOKED_AT_AND_CHANGED,
    "leads:lead": LOOKED_AT_AND_CHANGED,
    "leads:erase_lead": ADMINISTERED,
    "leads:lead_erasure": LOOKED_AT,
    "leads:export_lead": CHANGED,
    "leads:merge_leads": WITH_FORM,
    "distribution:keys": (ADMINISTRATOR, None),
    "distribution:create_key": ADMINISTERED,
    "distribution:rotate_key": ADMINISTERED,
    "distribution:revoke_key": ADMINISTERED,
    "distribution:history": LOOKED_AT,
    "distribution:users": (ADMINISTRATOR, None),
    "distribution:create_user": ADMINISTERED,
    "distribution:edit_user": ADMINISTERED,
    "distribution:set_password": ADMINISTERED,
}
# Takes any method, and acts on a POST alone.
ANY_METHOD = {"set_language"}
# Let in, and then there is nothing: no job was begun, and no lead erased.
NOTHING_THERE = {"leads:move_contacts", "leads:move_job", "leads:lead_erasure"}

# Django's admin, which is for administrators alone: what they may do with the rows of a table.
LOOK, ADD, CHANGE, DELETE = "look", "add", "change", "delete"
ADMIN_TABLES = {
    "distribution_operator": {LOOK, ADD, CHANGE, DELETE},
    "distribution_source": {LOOK, ADD, CHANGE, DELETE},
    "distribution_operatorsourceweight": {LOOK, ADD, CHANGE, DELETE},
    "distribution_apikey": {LOOK, ADD, CHANGE},
    "distribution_auditevent": {LOOK},
    "auth_user": {LOOK, ADD, CHANGE, DELETE},
    "auth_group": {LOOK},
    "leads_lead": {LOOK, CHANGE},
    "leads_contact": {LOOK},
    "leads_assignment": {LOOK},
    "leads_leadconflict": {LOOK},
    "leads_idempotencyrecord": set(),  # for superusers
}
# (to look, to post) for each of the addresses that Django gives a table; None: always.
ADMIN_KINDS = {
    "changelist": (LOOK, LOOK),
    "add": (ADD, ADD),
    "change": (LOOK, CHANGE),
    "delete": (DELETE, DELETE),
    "history": (LOOK, LOOK),
    "None": (None, None),  # leads on to "change"
}
# What else there is: (who may look, who may post), as for pages.
ADMIN_PAGES = {
    "index": ADMINISTERED,
    "app_list": ADMINISTERED,
    "jsi18n": (ADMINISTRATOR, None),
    "autocomplete": (ADMINISTRATOR, None),
    "logout": (None, ADMINISTRATOR),
    "password_change_done": (ADMINISTRATOR, None),
    "auth_user_password_change": ADMINISTERED,
    "distribution_apikey_revoke": ADMINISTERED,
    "distribution_operator_switch_off": ADMINISTERED,
    "distribution_operator_take_next": ADMINISTERED,
    "leads_contact_move": (None, ADMINISTRATOR),
    "leads_contact_moves": ADMINISTERED,
    "leads_contact_search": (None, ADMINISTRATOR),
    "leads_lead_search": (None, ADMINISTRATOR),
    "leads_idempotencyrecord_search": (None, SUPERUSER),
}
# Nothing is there for administrators either: no page shows an object, and no job was begun.
ADMIN_NOTHING_THERE = {"leads_contact_moves", "view_on_site", "nothing"}

# The API: what a key needs for each method. OWN: to see objects of this very source.
OWN, ALL_SOURCES, MANAGES = Key.BOUND, Key.ALL_SOURCES, Key.MANAGES
API = {
    "contacts/": {"GET": Key.BOUND, "POST": OWN},
    "contacts/<int:contact_id>": {"GET": OWN},
    "contacts/<int:contact_id>/close/": {"POST": MANAGES},
    "contacts/<int:contact_id>/reopen/": {"POST": MANAGES},
    "contacts/<int:contact_id>/requeue/": {"POST": MANAGES},
    "contacts/<int:contact_id>/reassign/": {"POST": MANAGES},
    "leads/": {"GET": ALL_SOURCES},
    "leads/<int:lead_id>": {"GET": ALL_SOURCES},
    "operators/": {"GET": ALL_SOURCES, "POST": MANAGES},
    "operators/<int:operator_id>": {"GET": ALL_SOURCES, "PUT": MANAGES, "PATCH": MANAGES},
    "operators/<int:operator_id>/switch-off/": {"POST": MANAGES},
    "operators/<int:operator_id>/take-next/": {"POST": MANAGES},
    "sources/": {"GET": ALL_SOURCES, "POST": MANAGES},
    "sources/<int:source_id>": {"GET": ALL_SOURCES, "PUT": MANAGES, "PATCH": MANAGES},
    "sources/<int:source_id>/weights/": {"GET": ALL_SOURCES, "PUT": MANAGES},
    "operator-sources/": {"GET": ALL_SOURCES, "POST": MANAGES},
    "operator-sources/<int:weight_id>": {"PATCH": MANAGES, "DELETE": MANAGES},
    "distribution/config/": {"POST": MANAGES},
}
# What another source's key is told not to be there.
FOREIGN = {("contacts/", "POST"), ("contacts/<int:contact_id>", "GET")}
