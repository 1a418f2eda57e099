"""Production refuses what development forgives, and passes Django's own checklist."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

COMPLETE = {
    "BROADSHEET_ENV": "production",
    "BROADSHEET_SECRET_KEY": "k3Zr-_9q" * 8,
    "BROADSHEET_PORTAL_ORIGIN": "https://data.example.com",
    "BROADSHEET_CONTENT_ORIGIN": "https://data-usercontent.example.net",
}


def manage(folder: Path, *arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    """A command in production; a change to nothing takes the variable away."""
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BROADSHEET_", "DJANGO_"))
    }
    plain |= {"DJANGO_SETTINGS_MODULE": "portal.settings", "BROADSHEET_DATA_DIR": str(folder)}
    given = {name: value for name, value in (COMPLETE | changes).items() if value}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=plain | given,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_passes_the_checklist_of_django(tmp_path: Path) -> None:
    checked = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING")

    assert checked.stdout + checked.stderr == "System check identified no issues (1 silenced).\n"
    assert checked.returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BROADSHEET_SECRET_KEY", "", "needs BROADSHEET_SECRET_KEY"),
        ("BROADSHEET_SECRET_KEY", "short", "at least 50 random characters"),
        ("BROADSHEET_PORTAL_ORIGIN", "", "needs BROADSHEET_PORTAL_ORIGIN"),
        ("BROADSHEET_PORTAL_ORIGIN", "data.example.com", "must look like https://host"),
        ("BROADSHEET_CONTENT_ORIGIN", "", "needs BROADSHEET_CONTENT_ORIGIN"),
        ("BROADSHEET_CONTENT_ORIGIN", "https://data.example.com", "must have another host"),
        ("BROADSHEET_DEBUG", "1", "never in production"),
        ("BROADSHEET_SMTP_TLS", "maybe", "true or false, not 'maybe'"),
        ("BROADSHEET_TIME_ZONE", "Mars/Olympus", "must be like Europe/Berlin"),
        ("BROADSHEET_TICK_SECONDS", "soon", "must be a whole number"),
        (
            "BROADSHEET_SECRETS_KEY",
            "too-short",
            "BROADSHEET_SECRETS_KEY, key 1: a key is 32 random",
        ),
        ("BROADSHEET_SECRETS_KEY_FALLBACKS", f"{'A' * 43}=", "name the one to use now"),
        ("BROADSHEET_ENV", "staging", "either development or production"),
    ],
)
def test_setting_that_cannot_be_meant_refuses_to_start_in_one_sentence(
    tmp_path: Path, name: str, value: str, says: str
) -> None:
    refused = manage(tmp_path, "check", **{name: value})

    assert refused.returncode == 1
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.stdout == ""
