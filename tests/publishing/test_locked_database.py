"""Somebody else writes for a long time: what an upload to a database file gets meanwhile."""

import json
import subprocess
import sys

import pytest
from django.conf import settings

pytestmark = pytest.mark.slow

# Uploads while another connection holds the database for some seconds; `patience` is how long we wait for it.
UPLOAD = """
import django, json, sqlite3, sys, threading
django.setup()
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from urllib.parse import urlsplit
from django.conf import settings
from portal.publishing.models import Publication
from tests import factories

seconds, patience = float(sys.argv[1]), float(sys.argv[2])
client = Client(
    headers={"host": urlsplit(settings.PORTAL_ORIGIN).netloc, "accept": "application/json"},
    raise_request_exception=False,
)
client.force_login(factories.person("alice"))
connection.cursor().execute(f"PRAGMA busy_timeout = {int(1000 * patience)}")
other = sqlite3.connect(settings.DATABASES["default"]["NAME"], check_same_thread=False)
other.execute("BEGIN IMMEDIATE")
freeing = threading.Timer(seconds, other.rollback)
freeing.daemon = True
freeing.start()
page = SimpleUploadedFile("sales.html", b"<!doctype html><title>Sales</title><p>12")
response = client.post("/upload/", {"file": page, "slug": "sales"})
answer = {"status": response.status_code, "retry": response.get("Retry-After"), **response.json()}
other.rollback()
print(json.dumps(answer | {"publications": Publication.objects.count()}))
"""


def upload(environment: dict[str, str], *, held: float, patience: float) -> dict[str, object]:
    """The answer to an upload while the database is held for so many seconds."""
    environment = environment | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "BROADSHEET_BROKER_URL": "memory://",
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    run = {"env": environment, "cwd": settings.BASE_DIR, "check": True, "capture_output": True}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], **run)
    command = [sys.executable, "-c", UPLOAD, str(held), str(patience)]
    answer: dict[str, object] = json.loads(subprocess.run(command, **run).stdout)
    return answer


def test_upload_waits_until_the_database_is_free(real_environment: dict[str, str]) -> None:
    answer = upload(real_environment, held=3, patience=20)

    assert (answer["status"], answer["publications"]) == (201, 1)


def test_upload_that_waited_in_vain_is_told_to_try_again(real_environment: dict[str, str]) -> None:
    answer = upload(real_environment, held=60, patience=1)

    assert (answer["status"], answer["error"], answer["retry"]) == (503, "too_busy", "60")
    assert answer["publications"] == 0
