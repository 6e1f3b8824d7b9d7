"""Addresses of the pages about contacts, leads, operators and sources."""

from django.urls import path

from leads.views import (
    bulk,
    contact,
    contacts,
    leads,
    operator,
    operators,
    overview,
    sources,
    weights,
)

app_name = "leads"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("operators/", operators.operators, name="operators"),
    path("operators/new/", operators.create_operator, name="create_operator"),
    path("operators/change/", operators.change_operators, name="change_operators"),
    path("operators/<int:pk>/", operator.operator, name="operator"),
    path("operators/<int:pk>/edit/", operators.edit_operator, name="edit_operator"),
    path("operators/<int:pk>/switch/", operators.switch_operator, name="switch_operator"),
    path("operators/<int:pk>/limit/", operators.set_limit, name="set_limit"),
    path("operators/<int:pk>/take-next/", operator.take_next, name="take_next"),
    path("sources/", sources.sources, name="sources"),
    path("sources/new/", sources.create_source, name="create_source"),
    path("sources/<int:pk>/", weights.source, name="source"),
    path("sources/<int:pk>/edit/", sources.edit_source, name="edit_source"),
    path("sources/<int:pk>/switch/", sources.switch_source, name="switch_source"),
    path("sources/<int:pk>/weights/", weights.set_weights, name="set_weights"),
    path("contacts/", contacts.contacts, name="contacts"),
    path("contacts/new/", contacts.create_contact, name="create_contact"),
    path("contacts/export/", contacts.export_contacts, name="export_contacts"),
    path("contacts/move/", bulk.move_contacts, name="move_contacts"),
    path("contacts/move/<str:key>/", bulk.move_job, name="move_job"),
    path("contacts/<int:pk>/", contact.contact, name="contact"),
    path("contacts/<int:pk>/close/", contact.close_contact, name="close_contact"),
    path("contacts/<int:pk>/reassign/", contact.reassign_contact, name="reassign_contact"),
    path("contacts/<int:pk>/requeue/", contact.requeue_contact, name="requeue_contact"),
    path("contacts/<int:pk>/reopen/", contact.reopen_contact, name="reopen_contact"),
    path("leads/", leads.leads, name="leads"),
    path("leads/duplicates/", leads.duplicates, name="duplicates"),
    path("leads/<int:pk>/", leads.lead, name="lead"),
    path("leads/<int:pk>/merge/<int:other>/", leads.merge_leads, name="merge_leads"),
]
