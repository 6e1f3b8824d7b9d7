"""Addresses of the pages about keys, users, and who changed what."""

from django.urls import path

from distribution.views import history, keys, users

app_name = "distribution"
urlpatterns = [
    path("keys/", keys.keys, name="keys"),
    path("keys/new/", keys.create_key, name="create_key"),
    path("keys/<int:pk>/rotate/", keys.rotate_key, name="rotate_key"),
    path("keys/<int:pk>/revoke/", keys.revoke_key, name="revoke_key"),
    path("history/", history.history, name="history"),
    path("users/", users.users, name="users"),
    path("users/new/", users.create_user, name="create_user"),
    path("users/<int:pk>/", users.edit_user, name="edit_user"),
    path("users/<int:pk>/password/", users.set_password, name="set_password"),
]
