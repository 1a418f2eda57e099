"""Real processes on one SQLite file: several senders at once, and senders killed in the middle."""

import email
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = 40

PREPARE = """
import django; django.setup()
from datetime import timedelta
from django.core.management import call_command
from django.utils import timezone
call_command("migrate", verbosity=0)
from portal.accounts.models import User
from portal.notifications.models import OutboxMessage
from portal.publishing.models import Publication
now = timezone.now()
bob = User.objects.create(username="bob", email="bob@example.com")
publication = Publication.objects.create(kind="report", slug="s", title="S", owner=bob, timezone="UTC", created_at=now)
for number in range(int({messages})):
    OutboxMessage.objects.create(kind="published", recipient=bob, publication=publication,
        key=f"published/{{number}}", subject=f"Edition {{number}}", body="News", due_at=now, created_at=now)
"""
SEND = """
import django; django.setup()
from portal.notifications.tasks import deliver_outbox
deliver_outbox()
"""
SEND_AND_DIE = """
import os, signal
import django; django.setup()
from django.conf import settings
from django.core.mail.backends.filebased import EmailBackend
from portal.notifications.tasks import deliver_outbox
class Dying(EmailBackend):
    def send_messages(self, messages):
        super().send_messages(messages)
        os.kill(os.getpid(), signal.SIGKILL)
import sys; sys.modules["dying"] = type(sys)("dying"); sys.modules["dying"].EmailBackend = Dying
settings.EMAIL_BACKEND = "dying.EmailBackend"
deliver_outbox()
"""
EXPIRE_LEASES = """
import django; django.setup()
from django.utils import timezone
from portal.notifications.models import OutboxMessage
OutboxMessage.objects.filter(lease_until__isnull=False).update(lease_until=timezone.now())
"""


class Site:
    """An installation of its own, driven only through processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run(PREPARE.format(messages=MESSAGES))

    def start(self, code: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "BROADSHEET_DATA_DIR": str(self.folder),
            "DATABASE_URL": f"sqlite:///{self.folder / 'db.sqlite3'}",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "BROADSHEET_SMTP_HOST": "",
        }
        return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)

    def run(self, code: str) -> int:
        return self.start(code).wait(timeout=120)

    def sent(self) -> Counter[str]:
        """How often each Message-ID was sent."""
        ids: Counter[str] = Counter()
        for path in (self.folder / "mail").glob("*.log"):
            for text in path.read_text().split("-" * 79 + "\n"):
                if text.strip():
                    ids[email.message_from_string(text)["Message-ID"]] += 1
        return ids


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_senders_at_once_send_every_message_once(site):
    senders = [site.start(SEND) for _ in range(4)]

    codes = [sender.wait(timeout=120) for sender in senders]

    assert codes == [0, 0, 0, 0]
    assert len(site.sent()) == MESSAGES
    assert set(site.sent().values()) == {1}


def test_senders_killed_after_sending_double_with_the_same_id_and_lose_none(site):
    killed = [site.run(SEND_AND_DIE) for _ in range(3)]
    site.run(EXPIRE_LEASES)

    site.run(SEND)

    counts = site.sent()
    assert killed == [-signal.SIGKILL] * 3
    assert len(counts) == MESSAGES
    assert Counter(counts.values()) == {1: MESSAGES - 3, 2: 3}
