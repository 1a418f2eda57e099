"""Every setting, from environment variables; the names and defaults are in docs/settings.md.

Development is the default and works with nothing set. `BROADSHEET_ENV=production` refuses to start
without its secrets instead of falling back to something guessable.
"""

import base64
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from kombu import Exchange, Queue

BASE_DIR = Path(__file__).resolve().parent.parent
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def _text(name: str, default: str = "") -> str:
    """The variable's value; one that is set to nothing counts as not set."""
    return os.environ.get(name, "").strip() or default


def _number(name: str, default: int) -> int:
    value = _text(name)
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def _flag(name: str, *, default: bool = False) -> bool:
    value = _text(name).lower()
    known = {"": default, **dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}
    if value not in known:
        raise ImproperlyConfigured(f"{name} is a flag: true or false, not {value!r}.")
    return known[value]


def _items(name: str) -> list[str]:
    return [item.strip() for item in _text(name).split(",") if item.strip()]


def _zone(name: str, default: str) -> str:
    value = _text(name, default)
    try:
        return ZoneInfo(value).key
    except (OSError, ValueError, KeyError):
        raise ImproperlyConfigured(f"{name} must be like Europe/Berlin, not {value!r}.") from None


def _origin(name: str, default: str) -> str:
    value = _text(name, default).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path:
        raise ImproperlyConfigured(f"{name} must look like https://host, not {value!r}.")
    return value


ENVIRONMENT = _text("BROADSHEET_ENV", "development")
if ENVIRONMENT not in {"development", "production"}:
    raise ImproperlyConfigured("BROADSHEET_ENV is either development or production.")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = _flag("BROADSHEET_DEBUG")
if PRODUCTION and DEBUG:
    raise ImproperlyConfigured(
        "BROADSHEET_DEBUG shows code and settings to everybody: never in production."
    )
DATA_DIR = Path(_text("BROADSHEET_DATA_DIR", str(BASE_DIR / "var"))).resolve()

# Secrets ----------------------------------------------------------------------------------------
SECRET_KEY = _text("BROADSHEET_SECRET_KEY")
if PRODUCTION and len(SECRET_KEY) < 50:
    raise ImproperlyConfigured(
        "Production needs BROADSHEET_SECRET_KEY with at least 50 random characters. Make one with: "
        "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
    )
if not SECRET_KEY:
    SECRET_KEY = "development-only-" + "not-a-secret-" * 4
SECRET_KEY_FALLBACKS = _items("BROADSHEET_SECRET_KEY_FALLBACKS")


def _fernet_keys(name: str) -> list[str]:
    for number, key in enumerate(keys := _items(name), start=1):
        try:
            usable = len(base64.b64decode(key, altchars=b"-_", validate=True)) == 32
        except ValueError:
            usable = False
        if not usable:
            raise ImproperlyConfigured(
                f"{name}, key {number}: a key is 32 random bytes in URL-safe base64. Make one with: "
                "python -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
            )
    return keys


# The first encrypts what authors' code is given; without one there are no secrets in production.
SECRETS_KEYS = _fernet_keys("BROADSHEET_SECRETS_KEY")
if len(SECRETS_KEYS) > 1:
    raise ImproperlyConfigured(
        "BROADSHEET_SECRETS_KEY is one key; put former ones into BROADSHEET_SECRETS_KEY_FALLBACKS."
    )
_FORMER_KEYS = _fernet_keys("BROADSHEET_SECRETS_KEY_FALLBACKS")
if _FORMER_KEYS and not SECRETS_KEYS:
    raise ImproperlyConfigured(
        "BROADSHEET_SECRETS_KEY_FALLBACKS are former keys; name the one to use now in BROADSHEET_SECRETS_KEY."
    )
SECRETS_KEYS += _FORMER_KEYS

# Origins: files that we did not write come from another site than the portal ------------------------
PORTAL_ORIGIN = _origin("BROADSHEET_PORTAL_ORIGIN", "http://localhost:8000")
CONTENT_ORIGIN = _origin("BROADSHEET_CONTENT_ORIGIN", "http://127.0.0.1:8000")
if PRODUCTION and not _text("BROADSHEET_PORTAL_ORIGIN"):
    raise ImproperlyConfigured(
        "Production needs BROADSHEET_PORTAL_ORIGIN, for example https://data.example.com."
    )
if PRODUCTION and not _text("BROADSHEET_CONTENT_ORIGIN"):
    raise ImproperlyConfigured(
        "Production needs BROADSHEET_CONTENT_ORIGIN: another site than the portal, "
        "for example https://data-usercontent.example.net."
    )
if urlsplit(PORTAL_ORIGIN).netloc == urlsplit(CONTENT_ORIGIN).netloc:
    raise ImproperlyConfigured(
        "BROADSHEET_CONTENT_ORIGIN must have another host than BROADSHEET_PORTAL_ORIGIN."
    )
_PORTAL_HOST = urlsplit(PORTAL_ORIGIN).hostname or ""
_CONTENT_HOST = urlsplit(CONTENT_ORIGIN).hostname or ""
ALLOWED_HOSTS = [_PORTAL_HOST, _CONTENT_HOST, *_items("BROADSHEET_ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [PORTAL_ORIGIN]
HTTPS = PORTAL_ORIGIN.startswith("https://")

# Django ---------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "portal",
    "reports",
    "visualizations",
    "registry",
]
MIDDLEWARE = [
    "portal.common.middleware.request_id",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.common.middleware.route_by_host",
    "portal.common.middleware.security_headers",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "portal.common.middleware.refuse_odd_requests",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "portal.accounts.middleware.require_sign_in",
]
ROOT_URLCONF = "portal.urls"
CONTENT_URLCONF = "portal.content_urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.common.context.site",
            ],
            "builtins": [
                "portal.common.templatetags.words",
                "portal.publishing.templatetags.addresses",
                "django.templatetags.static",
            ],
        },
    }
]
AUTH_USER_MODEL = "portal.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
DISPLAY_TIME_ZONE = _zone("BROADSHEET_TIME_ZONE", "Europe/Berlin")
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
MESSAGE_TAGS = {25: "ok", 30: "warn", 40: "fail"}  # as the strips of the visual language are called

# Cookies and transport -------------------------------------------------------------------------------
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "broadsheet_session"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "broadsheet_csrf"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "portal.common.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W002"
]  # our own middleware sends it: on the portal, not on the content origin
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = HTTPS and _flag("BROADSHEET_SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
if _flag("BROADSHEET_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Database ----------------------------------------------------------------------------------------------
DATABASE_URL = _text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'db.sqlite3'}")
DATABASES: dict[str, Any] = {
    "default": dict(dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True))
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Measured: with these 6,488 transactions a second and none refused, against 241 and 227 refused.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": (
            "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
            "PRAGMA journal_size_limit=27103364;PRAGMA temp_store=MEMORY"
        ),
    }

# Files ----------------------------------------------------------------------------------------------------
S3_BUCKET = _text("BROADSHEET_S3_BUCKET")
BLOB_STORAGE: dict[str, Any] = {
    "BACKEND": "portal.common.storage.DigestFileStorage",
    "OPTIONS": {"location": str(DATA_DIR / "blobs")},
}
if S3_BUCKET:
    BLOB_STORAGE = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": _text("BROADSHEET_S3_ENDPOINT") or None,
            "region_name": _text("BROADSHEET_S3_REGION") or None,
            "signature_version": "s3v4",
            "default_acl": None,
            "file_overwrite": True,  # the name is the digest: the same name has the same bytes
            "querystring_auth": False,
            "max_memory_size": 8_000_000,  # larger files are read through the disk
        },
    }
STORAGES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(DATA_DIR / "media")},
    },
    "blobs": BLOB_STORAGE,
    "staticfiles": {
        "BACKEND": (
            "whitenoise.storage.CompressedManifestStaticFilesStorage"
            if PRODUCTION
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles" if PRODUCTION else None
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = DEBUG
SCRATCH_DIR = DATA_DIR / "tmp"
try:
    SCRATCH_DIR.mkdir(parents=True, exist_ok=True)  # Django refuses to start without it
except OSError as error:
    raise ImproperlyConfigured(
        f"The data folder {DATA_DIR} cannot be written: {error.strerror}. "
        "Repair that, or name another one in BROADSHEET_DATA_DIR."
    ) from None
FILE_UPLOAD_TEMP_DIR = str(SCRATCH_DIR)
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
UPLOAD_MAX_BYTES = _number("BROADSHEET_UPLOAD_MAX_MB", 200) * 1_000_000
UPLOAD_SECONDS = _number("BROADSHEET_UPLOAD_SECONDS", 20)

# Broker: only a doorbell, the database holds the truth -----------------------------------------------------
_EMBEDDED_REDIS = DATA_DIR / "redis" / "url"  # written by the Redis that `make run` starts
REDIS_URL = _text(
    "REDIS_URL",
    _EMBEDDED_REDIS.read_text() if _EMBEDDED_REDIS.is_file() else "redis://127.0.0.1:6379/0",
)
CELERY_BROKER_URL = _text("BROADSHEET_BROKER_URL", REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 4 * 3600,
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "health_check_interval": 25,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    # Asking for a run must not wait for a broker that is down: 0.2 s at most, not 6.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_RETRY_ON_WORKER_LOST = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 50
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = (
    3600 + 2 * 600 + 300
)  # the longest run, building its environment, collecting; below visibility_timeout / 2
CELERY_TASK_DEFAULT_QUEUE = "broadsheet"
RUN_DOOR = CELERY_TASK_DEFAULT_QUEUE + ".{}"  # where those listen who serve this queue by name
RUN_QUEUES = _items("BROADSHEET_RUN_QUEUES")
if RUN_QUEUES:
    _doors = [
        CELERY_TASK_DEFAULT_QUEUE if name == "default" else RUN_DOOR.format(name)
        for name in RUN_QUEUES
    ]
    CELERY_TASK_QUEUES = [Queue(door, Exchange(door), door) for door in _doors]
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2}

# Runs ---------------------------------------------------------------------------------------------------------
RUN_LEASE_SECONDS = _number("BROADSHEET_RUN_LEASE_SECONDS", 60)
RUN_MAX_ATTEMPTS = 3
RUN_TIME_LIMIT_SECONDS = _number("BROADSHEET_RUN_TIME_LIMIT_SECONDS", 600)
RUN_TIME_LIMIT_MOST_SECONDS = 3600
RUN_MEMORY_MB = _number("BROADSHEET_RUN_MEMORY_MB", 2048)
RUN_PROCESSES = _number("BROADSHEET_RUN_PROCESSES", 512)
RUN_DISK_MB = _number("BROADSHEET_RUN_DISK_MB", 4096)
RUN_READABLE = _items("BROADSHEET_RUN_READABLE")
ALLOW_PLAIN_ISOLATION = _flag("BROADSHEET_ALLOW_PLAIN_ISOLATION")
ENVIRONMENTS_DIR = DATA_DIR / "environments"
ENVIRONMENT_SECONDS = _number("BROADSHEET_ENVIRONMENT_SECONDS", 600)
STANDARD_ENVIRONMENT = _text("BROADSHEET_STANDARD_ENVIRONMENT")
PYTHON_FOLDERS = _items("BROADSHEET_PYTHON_FOLDERS")
RUN_RING_AGAIN_SECONDS = _number("BROADSHEET_RUN_RING_AGAIN_SECONDS", 30)
TICK_SECONDS = _number("BROADSHEET_TICK_SECONDS", 5)

# Mail ----------------------------------------------------------------------------------------------------------
EMAIL_HOST = _text("BROADSHEET_SMTP_HOST")
EMAIL_PORT = _number("BROADSHEET_SMTP_PORT", 25)
EMAIL_HOST_USER = _text("BROADSHEET_SMTP_USER")
EMAIL_HOST_PASSWORD = _text("BROADSHEET_SMTP_PASSWORD")
EMAIL_USE_TLS = _flag("BROADSHEET_SMTP_TLS")
EMAIL_TIMEOUT = 10
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if EMAIL_HOST
    else "django.core.mail.backends.filebased.EmailBackend"
)
EMAIL_FILE_PATH = str(DATA_DIR / "mail")
DEFAULT_FROM_EMAIL = _text("BROADSHEET_MAIL_FROM", "Broadsheet <broadsheet@localhost>")

# Webhooks ------------------------------------------------------------------------------------------------------
WEBHOOK_ALLOWED_HOSTS = _items("BROADSHEET_WEBHOOK_ALLOWED_HOSTS")

# Words -----------------------------------------------------------------------------------------------------------
ORGANISATION = _text("BROADSHEET_ORGANISATION", "Nordhavn Logistics")

# Logging -----------------------------------------------------------------------------------------------------------
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
        "json": {"()": "portal.common.logs.JsonFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json" if PRODUCTION else "line"}
    },
    "root": {"handlers": ["stderr"], "level": _text("BROADSHEET_LOG_LEVEL", "INFO")},
    "loggers": {"django.request": {"level": "ERROR"}},
}
