"""The application's settings, with the views that it is compared with."""

from minicrm.settings import *  # noqa: F403
from minicrm.settings import STORAGES as _STORAGES

ROOT_URLCONF = "benchmarks.urls"
# Nothing is collected for a run: pages name the files as they are in the sources.
STORAGES = _STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
