"""The project's settings, with pages that break."""

from minicrm.settings import *  # noqa: F403

ROOT_URLCONF = "minicrm.tests.leaks.urls"
# As the tests hash the passwords of their users.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
