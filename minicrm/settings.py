"""All settings, read from environment variables; docs/configuration.md lists every one."""

from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import dj_database_url
import phonenumbers
from whitenoise.compress import Compressor

from minicrm import environment as env

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.read_folder("DATA_DIR", default=BASE_DIR / "var")

DEBUG = env.read_bool("DEBUG", default=False)
LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = env.read_list(
    "ALLOWED_HOSTS",
    default=LOOPBACK_HOSTS,
    pattern=r"\*|\.?[\w.-]+|\[[0-9A-Fa-f:.]+\]",
    hint="host names without scheme and port, such as crm.example.com",
)
CSRF_TRUSTED_ORIGINS = env.read_list(
    "CSRF_TRUSTED_ORIGINS",
    pattern=r"https?://[\w.*\[\]-]+(:[0-9]{1,5})?",
    hint="addresses with their scheme and no path, such as https://crm.example.com",
)

DATABASE_URL = env.read_text("DATABASE_URL", "")
EMBEDDED = not DATABASE_URL and set(ALLOWED_HOSTS) <= set(LOOPBACK_HOSTS)
SECRET_KEY = env.read_secret_key(keep_in=DATA_DIR / "secret_key" if EMBEDDED or DEBUG else None)


# Database -------------------------------------------------------------------------------------

LOCK_TIMEOUT_MS = env.read_int("DB_LOCK_TIMEOUT_MS", default=3_000, minimum=1)
STATEMENT_TIMEOUT_MS = env.read_int("DB_STATEMENT_TIMEOUT_MS", default=8_000)
SQLITE_TIMEOUT_S = 5
if 0 < STATEMENT_TIMEOUT_MS <= LOCK_TIMEOUT_MS:
    env.stop("DB_STATEMENT_TIMEOUT_MS must be above DB_LOCK_TIMEOUT_MS, or 0 for no limit.")
# "transaction": DATABASE_URL leads to PgBouncer, where each transaction may have another session.
DB_POOLER = env.read_matching(
    "DB_POOLER",
    default="",
    pattern="transaction",
    hint="transaction, for PgBouncer in that mode, or empty for a direct connection",
)


# How soon PostgreSQL's host counts as gone. While it does not answer, a thread waits for it.
CONNECTION_LIMITS = {
    "connect_timeout": 3,  # seconds, for each address that the host's name has
    # A firewall that forgets connections, a host that loses its power: nobody says goodbye. Asked
    # after 5 silent seconds and every 2 from then on, unanswered three times: gone after 11.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # ms for what was sent to be received; above statement_timeout
}


def _database() -> dict[str, Any]:
    """Return Django's description of the one database, with the options our promises rest on."""
    url = DATABASE_URL or f"sqlite:///{DATA_DIR / 'minicrm.sqlite3'}"
    try:
        config: dict[str, Any] = dict(dj_database_url.parse(url))
    except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError, ValueError):
        config = {"ENGINE": ""}
    engine = config["ENGINE"].rpartition(".")[2]
    if engine not in ("sqlite3", "postgresql") or not config.get("NAME"):
        env.stop(
            "DATABASE_URL must be sqlite:////full/path.sqlite3 or"
            " postgres://user:password@host:5432/name."
        )
    config["ENGINE"] = f"minicrm.databases.{engine}"
    config["CONN_MAX_AGE"] = env.read_int("DB_CONN_MAX_AGE", default=600)
    config["CONN_HEALTH_CHECKS"] = True
    options = config.setdefault("OPTIONS", {})
    if engine == "sqlite3":
        env.make_folder_of("DATABASE_URL" if DATABASE_URL else "DATA_DIR", Path(config["NAME"]))
        options |= {
            # Writers queue up at BEGIN, so that nothing read inside a transaction is stale.
            "transaction_mode": "IMMEDIATE",
            "timeout": SQLITE_TIMEOUT_S,
            # FULL: an acknowledged contact outlives a power cut, not only a crash; our transactions
            # wait for the disk by themselves (`databases.sqlite3.log`). secure_delete: what is
            # erased is overwritten in the file too, also where that is not the default.
            # temp_store: a savepoint's undo log holds people's data, which is for no other folder.
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
                " PRAGMA temp_store=MEMORY;"
            ),
        }
        # Tests use several connections, which an in-memory database cannot serve.
        config["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    else:
        # lock < statement < gunicorn's own timeout (30 s): the innermost limit answers first.
        for option, value in CONNECTION_LIMITS.items():
            options.setdefault(option, value)
        if DB_POOLER:
            # Nothing may be kept in a session: the next transaction may be in another one. The
            # timeouts are the role's own (deploy/postgres/role.sql); `check --database` looks.
            config["DISABLE_SERVER_SIDE_CURSORS"] = True
            options["prepare_threshold"] = None
        else:
            options.setdefault("prepare_threshold", 5)  # not None: `hot_cursor` may prepare
            options.setdefault(
                "options",
                f"-c lock_timeout={LOCK_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS}",
            )
    return config


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# Applications ---------------------------------------------------------------------------------

INSTALLED_APPS = [
    # The commands backup, restore and migrate, and Django's for users; the tags of all pages.
    "minicrm",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "axes",  # the table of failed sign-ins; the rules are in minicrm.sign_in_guard
    "ninja",  # its own copy of Swagger UI, served from our static files
    "distribution",
    "leads",
]

MIDDLEWARE = [
    "minicrm.middleware.RequestIdMiddleware",
    "minicrm.request_facts.RequestFactsMiddleware",  # with ACCESS_LOG
    "minicrm.metrics.request_times.RequestTimesMiddleware",  # with METRICS_TOKEN
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "minicrm.security_headers.SecurityHeadersMiddleware",
    "minicrm.middleware.ApiBoundaryMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "minicrm.failures.SqliteFileMiddleware",
    "leads.overview.polls.PollMiddleware",
    "minicrm.middleware.PageGZipMiddleware",
    "minicrm.middleware.PageSessionMiddleware",
    "minicrm.middleware.PageLocaleMiddleware",
    "minicrm.middleware.PageCommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "minicrm.middleware.PageAuthenticationMiddleware",
    "minicrm.middleware.PageLoginRequiredMiddleware",
    "minicrm.middleware.PageMessageMiddleware",
    "minicrm.middleware.PageHtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "minicrm.urls"
WSGI_APPLICATION = "minicrm.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "minicrm.pages.page_context",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_HANDLER = "minicrm.sign_in_guard.SignInGuard"
AXES_CLIENT_IP_CALLABLE = "minicrm.sign_in_guard.address_of"
AXES_LOCKOUT_CALLABLE = "minicrm.sign_in_guard.answer_as_it_is"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address"]
# Neither pages nor logs with the names that were typed: there are hashes alone.
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "leads:overview"
LOGOUT_REDIRECT_URL = "login"


# JSON API -------------------------------------------------------------------------------------

API_PREFIX = "/api/"
API_MAX_BODY_BYTES = 64 * 1024
API_RATE_LIMIT = env.read_matching(
    "API_RATE_LIMIT",
    default="20/s",
    pattern="[1-9][0-9]{0,8}/[smhd]|off",
    hint="a number of requests per period and key, such as 20/s or 600/m, or off for no limit",
).removeprefix("off")
API_RATE_BURST = env.read_int("API_RATE_BURST", default=100, minimum=1)
PHONE_REGION = env.read_choice(
    "PHONE_REGION", default="RU", choices=sorted(phonenumbers.SUPPORTED_REGIONS)
)


# Personal data --------------------------------------------------------------------------------

# Days after closing for which what came with a contact is kept; None: for ever.
RETENTION_DAYS = env.read_int("RETENTION_DAYS", default=0, maximum=36_500) or None


# Languages, time ------------------------------------------------------------------------------

LANGUAGES = [("en", "English"), ("ru", "Русский")]
LANGUAGE_CODE = env.read_choice("LANGUAGE_CODE", default="en", choices=["en", "ru"])
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["minicrm.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.read_choice("TIME_ZONE", default="UTC", choices=sorted(available_timezones()))


# Static files ---------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = env.read_folder("STATIC_ROOT", default=DATA_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
# Compressing pays, but for source maps, which only developers load: half a minute for them alone.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}


# Security -------------------------------------------------------------------------------------

HTTPS = env.read_bool("HTTPS", default=False)
SESSION_ENGINE = "minicrm.sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
if HTTPS:
    # A name that browsers take only from this very host, over HTTPS: no neighbour can set it.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * env.read_int("SESSION_HOURS", default=168, minimum=1, maximum=8_760)
CSRF_FAILURE_VIEW = "minicrm.signing_in.form_expired"
# Pages are sent on to HTTPS; probes ask without; the API refuses, see ApiBoundaryMiddleware.
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$", "^api/"]
SECURE_HSTS_SECONDS = env.read_int("HSTS_SECONDS", default=31_536_000) if HTTPS else 0
# Both bind other hosts than ours, for a year or for good; the names of our cookies keep neighbours
# out without. So whoever runs all of the hosts decides, and Django's advice to do it is left out.
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.read_bool("HSTS_SUBDOMAINS", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
BEHIND_PROXY = env.read_bool("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# The weights of a source's 1,000 operators are one form, three fields each: the weight, what it
# was when the form was opened, and a box to take the operator out.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 3_100
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # what the style sheets draw arrows and ticks with
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}


# Logging --------------------------------------------------------------------------------------

LOG_LEVEL = env.read_choice(
    "LOG_LEVEL", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
)
LOG_FORMAT = env.read_choice("LOG_FORMAT", default="plain", choices=["plain", "json"])
ACCESS_LOG = env.read_bool("ACCESS_LOG", default=False)
LOGGING_CONFIG = "minicrm.logs.configure"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "minicrm.logs.PlainFormatter"},
        "json": {"()": "minicrm.logs.JsonFormatter"},
    },
    "filters": {"request_id": {"()": "minicrm.request_id.RequestIdFilter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["request_id"],
        },
        # A logger without any handler would write to standard error, past all formatters.
        "nowhere": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        # With DEBUG they would write every statement with its values, and whole pages' contents.
        "django.db.backends": {"level": "INFO"},
        "django.template": {"level": "INFO"},
        # Strangers scan for hosts all day; the answer is 400, and a traceback tells nothing.
        "django.security.DisallowedHost": {"handlers": ["nowhere"], "propagate": False},
    },
}


# Metrics --------------------------------------------------------------------------------------

METRICS_TOKEN = env.read_token("METRICS_TOKEN", minimum=32)
