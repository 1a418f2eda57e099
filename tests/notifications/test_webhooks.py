"""Programs are told by signed messages, each once as far as they can know it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from portal.accounts.models import Role, Team, User
from portal.notifications import delivery, events, webhooks
from portal.notifications.models import OutboxMessage, Webhook
from portal.notifications.tasks import deliver_webhooks
from portal.publishing import plugs
from portal.publishing.models import Audience, AuditEvent, Publication
from tests.notifications.conftest import MONDAY, SENTENCE, Newsroom
from tests.notifications.servers import Program, serving

TUESDAY = MONDAY + timedelta(days=1)
State = OutboxMessage.State


@pytest.fixture
def program(settings: Any) -> Iterator[Program]:
    with serving(Program()) as server:
        settings.WEBHOOK_ALLOWED_HOSTS = [server.host]
        yield server


@pytest.fixture
def ada(newsroom: Newsroom) -> User:
    return newsroom.person("ada", Role.ADMIN)


Listen = Callable[..., tuple[Webhook, str]]


@pytest.fixture
def listen(program: Program, ada: User) -> Listen:
    def make(**changes: Any) -> tuple[Webhook, str]:
        fields: dict[str, Any] = {"told": list(events.EVENTS), "by": ada, "at": MONDAY} | changes
        return webhooks.create_webhook(fields.pop("name", "Airflow"), program.url, **fields)

    return make


def deliver_all(at: Any) -> None:
    for message in delivery.due(at).filter(channel="webhook"):
        delivery.deliver(message.pk, at=at)


def told(kind: str = "webhook") -> list[str]:
    return list(OutboxMessage.objects.filter(channel=kind).values_list("subject", flat=True))


def test_message_is_signed_and_says_what_happened(
    newsroom: Newsroom, listen: Listen, program: Program
) -> None:
    newsroom.publish("one")
    _, key = listen()
    run = newsroom.fail(at=TUESDAY)

    deliver_all(TUESDAY)

    headers, body = program.heard[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    secret = base64.b64decode(key.removeprefix("whsec_"))
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert headers["webhook-timestamp"] == str(int(TUESDAY.timestamp()))
    said = json.loads(body)
    assert said["type"] == "run.failed"
    assert said["data"]["sentence"] == SENTENCE
    assert said["data"]["publication"]["slug"] == "weekly-sales"
    assert said["data"]["run"]["link"].endswith(f"/operations/runs/{run.pk}/")


@pytest.mark.parametrize("status", [200, 500])
def test_answer_that_is_no_text_is_kept_as_far_as_it_can_be(
    newsroom: Newsroom, listen: Listen, program: Program, status: int
) -> None:
    newsroom.publish("one")
    listen()
    newsroom.fail(at=TUESDAY)
    program.status, program.says = status, b"\x1f\x8b\x00\x00 thanks \xe2\x80\xae"

    deliver_all(TUESDAY)

    message = OutboxMessage.objects.get(channel="webhook")
    assert message.state == (State.SENT if status == 200 else State.WAITING)
    assert message.error == f"HTTP {status} \ufffd thanks"


def test_every_kind_of_event_is_written_once(newsroom: Newsroom, listen: Listen) -> None:
    newsroom.publish("one")
    listen()
    edition = newsroom.refresh("two", at=TUESDAY)
    run = newsroom.failed_run(at=TUESDAY)
    schedule = newsroom.schedule(at=MONDAY)
    publication = newsroom.publication
    news: list[plugs.Announcement] = [
        plugs.Quarantined(edition, run.pk, "A check failed.", TUESDAY),
        plugs.RunFailed(publication, run.pk, SENTENCE, TUESDAY),
        plugs.Recovered(publication, run.pk, 3, TUESDAY),
        plugs.Late(publication, schedule.pk, TUESDAY, "It runs.", TUESDAY),
        plugs.Suspended(publication, schedule.pk, "Five.", False, TUESDAY),
        plugs.Suspended(publication, schedule.pk, "Five.", True, TUESDAY),
        plugs.SoonSuspended(publication, schedule.pk, "Unopened.", TUESDAY),
    ]

    for one in news * 2:
        events.note(one)

    assert sorted(told()) == sorted(events.EVENTS)


def test_scope_and_events_narrow_what_is_told(newsroom: Newsroom, listen: Listen) -> None:
    newsroom.publish("one")
    other = Team.objects.create(slug="other", name="Other")
    listen(name="ours", team=newsroom.team)
    listen(name="this", publication=newsroom.publication)
    listen(name="theirs", team=other)
    listen(name="failures", told=["run.failed"])

    newsroom.refresh("two", at=TUESDAY)

    heard = OutboxMessage.objects.filter(channel="webhook").values_list("webhook__name", flat=True)
    assert sorted(heard) == ["ours", "this"]


def test_what_is_for_its_owner_alone_is_not_told_to_all(newsroom: Newsroom, listen: Listen) -> None:
    newsroom.publish("one")
    Publication.objects.update(audience=Audience.OWNER)
    listen(name="all")
    listen(name="team", team=newsroom.team)

    newsroom.refresh("two", at=TUESDAY)

    assert told() == []


@pytest.mark.parametrize("status", [302, 400, 500])
def test_answer_that_is_not_good_is_tried_again_under_the_same_id(
    newsroom: Newsroom, listen: Listen, program: Program, status: int
) -> None:
    newsroom.publish("one")
    listen()
    newsroom.fail(at=TUESDAY)
    program.status = status

    deliver_all(TUESDAY)
    program.status = 204
    deliver_all(TUESDAY + delivery.FIRST_WAIT)

    first, second = (headers["webhook-id"] for headers, _ in program.heard)
    assert first == second
    assert OutboxMessage.objects.get(channel="webhook").state == State.SENT


def give_up(at: Any) -> Any:
    for _ in range(delivery.MAX_ATTEMPTS):
        deliver_all(at)
        at += timedelta(hours=2)
    return at


def test_webhook_is_disabled_after_three_messages_and_its_owner_told(
    newsroom: Newsroom, listen: Listen, program: Program, ada: User
) -> None:
    newsroom.publish("one")
    webhook, _ = listen()
    program.status, program.says = 500, b"broken " * 100
    for minute in range(webhooks.GIVEN_UP_AT_MOST + 1):
        newsroom.fail(at=TUESDAY + timedelta(minutes=minute))

    give_up(TUESDAY + timedelta(hours=1))

    webhook.refresh_from_db()
    letter = OutboxMessage.objects.get(kind="disabled")
    assert webhook.disabled_reason.startswith("3 messages in a row could not be delivered.")
    assert letter.recipient == ada
    assert "HTTP 500 broken" in letter.body
    errors = OutboxMessage.objects.filter(channel="webhook").values_list("error", flat=True)
    assert all(error.count("broken") <= 29 for error in errors)
    assert AuditEvent.objects.filter(action="disable_webhook", by=None).count() == 1


def test_webhook_that_says_gone_is_disabled_at_once(
    newsroom: Newsroom, listen: Listen, program: Program
) -> None:
    newsroom.publish("one")
    webhook, _ = listen()
    newsroom.fail(at=TUESDAY)
    program.status = 410

    deliver_all(TUESDAY)

    webhook.refresh_from_db()
    assert "gone" in webhook.disabled_reason


def test_inner_address_is_given_up_at_once(
    newsroom: Newsroom, listen: Listen, program: Program, settings: Any
) -> None:
    newsroom.publish("one")
    listen()
    newsroom.fail(at=TUESDAY)
    settings.WEBHOOK_ALLOWED_HOSTS = []

    deliver_all(TUESDAY)

    message = OutboxMessage.objects.get(channel="webhook")
    assert program.heard == []
    assert message.state == State.DROPPED
    assert "not a public address" in message.error


def test_one_that_fails_keeps_no_other_waiting(
    newsroom: Newsroom, listen: Listen, program: Program
) -> None:
    now = timezone.now()
    newsroom.publish("one")
    broken, _ = listen(name="broken")
    listen(name="whole")
    Webhook.objects.filter(pk=broken.pk).update(url=f"http://{program.host}:x/")
    for minute in (3, 2):
        newsroom.fail(at=now - timedelta(minutes=minute))

    deliver_webhooks()

    states = OutboxMessage.objects.filter(channel="webhook").order_by("webhook__name", "pk")
    assert [message.state for message in states] == ["dropped", "waiting", "sent", "sent"]


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "Airflow"}),
        ("events", {"told": ["nothing"]}),
    ],
)
def test_webhook_that_cannot_be_is_refused(
    listen: Listen, field: str, changes: dict[str, Any]
) -> None:
    listen()

    with pytest.raises(webhooks.BadWebhook) as refused:
        listen(**({"name": "Other"} | changes))

    assert refused.value.field == field


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/hook", "http://[::1]:9/", "http://localhost/", "https://169.254.169.254/"],
)
def test_address_inside_is_refused_at_once(url: str, ada: User) -> None:
    with pytest.raises(webhooks.BadWebhook, match="not a public address") as refused:
        webhooks.create_webhook("Own", url, told=list(events.EVENTS), by=ada, at=MONDAY)

    assert refused.value.field == "url"
    assert not Webhook.objects.exists()


def test_page_shows_the_key_once_and_tests(
    listen: Listen, program: Program, ada: User, reading: Callable[[User], Client]
) -> None:
    admin, page = reading(ada), "/operations/webhooks/"
    form = {"name": "dbt", "url": program.url, "events": ["run.failed"]}

    made = admin.post(page, form)
    webhook = Webhook.objects.get(name="dbt")
    there = f"{page}{webhook.pk}/"
    admin.post(there, {"action": "test"})
    deliver_webhooks()
    after = admin.get(there).content.decode()

    assert b"whsec_" in made.content
    assert "whsec_" not in after
    assert "webhook.test" in after
    assert "HTTP 200 thanks" in after
    assert json.loads(program.heard[0][1])["type"] == "webhook.test"


@pytest.mark.parametrize("form", [{"url": "http://127.1/"}, {"events": []}, {"publication": "no"}])
def test_page_says_beside_the_field_what_is_wrong(
    ada: User, reading: Callable[[User], Client], form: dict[str, Any]
) -> None:
    right = {"name": "dbt", "url": "https://example.com/", "events": ["run.failed"]}

    response = reading(ada).post("/operations/webhooks/", right | form)

    assert response.status_code == 422
    assert 'class="error"' in response.content.decode()
    assert not Webhook.objects.exists()


def test_page_enables_disables_and_removes(
    listen: Listen, ada: User, reading: Callable[[User], Client]
) -> None:
    webhook, _ = listen()
    admin, there = reading(ada), f"/operations/webhooks/{webhook.pk}/"

    for action, live in (("disable", False), ("enable", True), ("remove", False)):
        admin.post(there, {"action": action})
        webhook.refresh_from_db()
        assert webhook.is_live is live

    assert admin.get(there).status_code == 404
    assert list(Webhook.objects.filter(removed_at=None)) == []
