"""The application's settings, with the views that it is compared with."""

from minicrm.settings import *  # noqa: F403
from minicrm.settings import DATABASES as _DATABASES
from minicrm.settings import STORAGES as _STORAGES

ROOT_URLCONF = "benchmarks.urls"
# Nothing is collected for a run: pages name the files as they are in the sources.
STORAGES = _STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
# A retry after a lock is to void a run. PostgreSQL writes such a thing into its log.
_WATCHED = {"minicrm.databases.sqlite3": "benchmarks.watched_sqlite"}
DATABASES = {
    name: one | {"ENGINE": _WATCHED.get(one["ENGINE"], one["ENGINE"])}
    for name, one in _DATABASES.items()
}
