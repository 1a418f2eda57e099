"""Real processes on one SQLite file: several senders at once, and senders killed in the middle."""

import email
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.notifications.servers import Program, serving

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
HOOK = """
import django; django.setup()
from django.utils import timezone
from portal.accounts.models import User
from portal.notifications import events, webhooks
User.objects.update(role="admin")
now = timezone.now()
webhook, _ = webhooks.create_webhook("w", "{url}", told=["run.failed"], by=User.objects.get(), at=now)
for number in range({messages}):
    events.write([webhook], kind="failed", event="run.failed", key=f"failed/{{number}}", data={{}}, at=now)
"""
FAIL = """
import django; django.setup()
from django.db import transaction
from django.utils import timezone
from portal.publishing import plugs
from portal.publishing.models import Publication, Tree, Variant, Version
from portal.runs.models import Run
publication, now = Publication.objects.get(), timezone.now()
with transaction.atomic():
    variant, _ = Variant.objects.get_or_create(publication=publication)
    tree, _ = Tree.objects.get_or_create(digest="0" * 64, defaults=dict(files=0, size=0, created_at=now))
    version, _ = Version.objects.get_or_create(publication=publication, major=1, minor=0,
        defaults=dict(bundle=tree, created_by=publication.owner, created_at=now))
for _ in range(10):
    with transaction.atomic():
        run = Run.objects.create(version=version, variant=variant, trigger="manual", state="failed",
            logical_time=now, queued_at=now, finished_at=now)
        plugs.announce(plugs.RunFailed(publication, run.pk, "It raised.", timezone.now()))
"""
COUNT = """
import django; django.setup()
from pathlib import Path
from django.conf import settings
from portal.notifications.models import OutboxMessage
told = OutboxMessage.objects.filter(kind="failed").order_by("due_at")
(Path(settings.DATA_DIR) / "count").write_text(str([len(one.entries) for one in told]))
"""
POST = """
import django; django.setup()
from portal.notifications.tasks import deliver_webhooks
deliver_webhooks()
"""
POST_AND_DIE = """
import http.client, os, signal
import django; django.setup()
from portal.notifications.tasks import deliver_webhooks
answered = http.client.HTTPConnection.getresponse
def and_die(connection):
    answered(connection)
    os.kill(os.getpid(), signal.SIGKILL)
http.client.HTTPConnection.getresponse = and_die
deliver_webhooks()
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

    def __init__(self, folder: Path, *, allowed: str = "") -> None:
        self.folder, self.allowed = folder, allowed

    def start(self, code: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "BROADSHEET_DATA_DIR": str(self.folder),
            "DATABASE_URL": f"sqlite:///{self.folder / 'db.sqlite3'}",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "BROADSHEET_SMTP_HOST": "",
            "BROADSHEET_WEBHOOK_ALLOWED_HOSTS": self.allowed,
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


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation whose outbox holds mails, to be copied: making one takes seconds."""
    folder = tmp_path_factory.mktemp("prepared")
    assert Site(folder).run(PREPARE.format(messages=MESSAGES)) == 0
    return folder


@pytest.fixture
def site(tmp_path: Path, prepared: Path) -> Site:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
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


def test_failures_at_once_are_one_mail_now_and_one_that_gathers(site):
    failing = [site.start(FAIL) for _ in range(3)]

    codes = [process.wait(timeout=120) for process in failing]

    assert codes == [0, 0, 0]
    site.run(COUNT)
    assert (site.folder / "count").read_text() == "[0, 29]"


def test_webhooks_of_killed_senders_come_again_under_the_same_id_and_none_is_lost(site):
    with serving(Program()) as program:
        site.allowed = program.host
        site.run(HOOK.format(url=program.url, messages=MESSAGES))
        killed = [site.run(POST_AND_DIE) for _ in range(2)]
        site.run(EXPIRE_LEASES)
        senders = [site.start(POST) for _ in range(2)]
        codes = [sender.wait(timeout=120) for sender in senders]

    counts = Counter(headers["webhook-id"] for headers, _ in program.heard)
    assert killed == [-signal.SIGKILL] * 2
    assert codes == [0, 0]
    assert Counter(counts.values()) == {1: MESSAGES - 2, 2: 2}
