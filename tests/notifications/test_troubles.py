"""What went wrong is told once: the first at once, the following at the end of the hour."""

from datetime import datetime, timedelta

import pytest
from django.core import mail
from django.db import transaction

from portal.accounts.models import Role
from portal.notifications import actions, delivery
from portal.notifications.models import OutboxMessage
from portal.publishing import plugs
from portal.runs.models import LogChunk, Run
from tests.notifications.conftest import MONDAY, SENTENCE, Newsroom

SEVEN = datetime.fromisoformat("2026-11-17T06:12:00Z")  # 07:12 as people read it
WEDNESDAY = MONDAY + timedelta(days=2)
Kind, State = OutboxMessage.Kind, OutboxMessage.State


def minutes(count: float) -> datetime:
    return SEVEN + timedelta(minutes=count)


def to(name: str, **fields: object) -> list[OutboxMessage]:
    told = OutboxMessage.objects.filter(recipient__username=name, **fields).exclude(state="dropped")
    return list(told.order_by("due_at", "pk"))


def send_what_is_due(at: datetime) -> None:
    for message in delivery.due(at):
        delivery.deliver(message.pk, at=at)


def test_failure_tells_owner_and_author_and_no_reader(newsroom: Newsroom) -> None:
    newsroom.publish("one", by=newsroom.alice)
    newsroom.publish("two", by=newsroom.bob, at=SEVEN)
    dora = newsroom.person("dora", Role.REVIEWER, team=True)
    ada = newsroom.person("ada", Role.ADMIN)
    actions.follow(newsroom.variant, by=dora, at=SEVEN)

    newsroom.fail(at=WEDNESDAY)

    told = OutboxMessage.objects.values_list("recipient__username", flat=True)
    assert sorted(told) == ["alice", "bob"]
    assert to(ada.username) == []


def test_failure_says_where_what_the_log_said_and_what_readers_see(
    newsroom: Newsroom, settings
) -> None:
    newsroom.publish("one")
    code = {
        "cell": 3,
        "of": 14,
        "line": 2,
        "lines": [{"number": 1, "text": "x = {}"}, {"number": 2, "text": "x['revenue']"}],
    }
    run = newsroom.failed_run(at=SEVEN, failed_code=code)
    lines = "".join(f"07:11:{number:02} line {number}\n" for number in range(30))
    LogChunk.objects.create(run=run, sequence=1, at=SEVEN, text=lines)

    actions.note(plugs.RunFailed(newsroom.publication, run.pk, SENTENCE, SEVEN))

    message = OutboxMessage.objects.get()
    assert message.subject == "Weekly sales: the refresh failed"
    assert SENTENCE in message.body
    assert "Cell 3 of 14, line 2:\n     1  x = {}\n→    2  x['revenue']\n" in message.body
    assert "line 14" not in message.body
    assert "The log ends:\n  07:11:15 line 15\n" in message.body
    assert "Readers still see edition #1 of Mon 16 Nov 2026 06:41 CET" in message.body
    assert f"{settings.PORTAL_ORIGIN}/operations/runs/{run.pk}/" in message.body


def test_failures_within_the_hour_come_in_one_mail_at_its_end(newsroom: Newsroom) -> None:
    newsroom.publish("one")
    runs = [newsroom.fail(at=minutes(after)) for after in (0, 2, 30, 59)]

    first, gathered = to("alice")
    assert (first.due_at, gathered.due_at) == (SEVEN, minutes(60))
    assert gathered.subject == "Weekly sales: 3 more failures since 07:12"
    assert [f"/runs/{run.pk}/" in gathered.body for run in runs] == [False, True, True, True]


def test_first_failure_after_a_quiet_hour_is_told_at_once(newsroom: Newsroom) -> None:
    newsroom.publish("one")

    for after in (0, 60, 121):
        newsroom.fail(at=minutes(after))

    assert [message.due_at for message in to("alice")] == [SEVEN, minutes(60), minutes(121)]


def test_mail_that_gathered_begins_an_hour_of_its_own(newsroom: Newsroom) -> None:
    newsroom.publish("one")

    for after in (0, 30, 65, 70, 119, 125):
        newsroom.fail(at=minutes(after))

    told = to("alice")
    assert [message.due_at for message in told] == [minutes(60 * hour) for hour in range(4)]
    assert [len(message.entries) for message in told] == [0, 1, 3, 1]


@pytest.mark.parametrize("state", ["claimed", "sent", "tried"])
def test_failure_after_sending_has_begun_goes_into_the_next_mail(
    newsroom: Newsroom, state: str
) -> None:
    newsroom.publish("one")
    newsroom.fail(at=SEVEN)
    newsroom.fail(at=minutes(10))
    begun = {
        "claimed": {"attempts": 1, "token": "x", "lease_until": minutes(62)},
        "sent": {"attempts": 1, "state": State.SENT, "sent_at": minutes(60)},
        "tried": {"attempts": 1, "due_at": minutes(61)},
    }
    OutboxMessage.objects.exclude(entries=[]).update(**begun[state])

    late = newsroom.fail(at=minutes(59.9))  # by a clock that is a little slow

    _, gathered, following = to("alice")
    assert f"/runs/{late.pk}/" not in gathered.body
    assert f"/runs/{late.pk}/" in following.body
    assert following.due_at == minutes(120)


def test_same_failure_announced_again_adds_nothing(newsroom: Newsroom) -> None:
    newsroom.publish("one")
    first, second = newsroom.fail(at=SEVEN), newsroom.fail(at=minutes(5))

    for run in (second, first, second):
        actions.note(plugs.RunFailed(newsroom.publication, run.pk, SENTENCE, minutes(6)))

    assert [len(message.entries) for message in to("alice")] == [0, 1]


def test_failure_that_is_rolled_back_is_not_told(newsroom: Newsroom) -> None:
    newsroom.publish("one")
    newsroom.fail(at=SEVEN)

    with transaction.atomic():
        newsroom.fail(at=minutes(5))
        transaction.set_rollback(True)

    assert len(to("alice")) == 1


def test_recovery_is_told_with_what_no_mail_told_yet(newsroom: Newsroom) -> None:
    newsroom.publish("one")
    runs = [newsroom.fail(at=minutes(after)) for after in (0, 10, 20, 30)]
    send_what_is_due(SEVEN)

    newsroom.recover(failures=4, at=minutes(50))
    send_what_is_due(minutes(50))
    send_what_is_due(minutes(600))

    assert [sent.subject for sent in mail.outbox] == [
        "Weekly sales: the refresh failed",
        "Weekly sales: it works again",
    ]
    body = mail.outbox[1].body
    assert "Weekly sales works again since 08:02, after 4 failures." in body
    assert [f"/runs/{run.pk}/" in body for run in runs] == [False, True, True, True]


def test_recovery_again_within_the_hour_waits_with_its_failure(newsroom: Newsroom) -> None:
    newsroom.publish("one")
    newsroom.fail(at=SEVEN)
    newsroom.recover(failures=1, at=minutes(5))
    newsroom.fail(at=minutes(10))

    newsroom.recover(failures=1, at=minutes(15))

    gathered = to("alice")[-1]
    assert len(to("alice")) == 3
    assert gathered.due_at == minutes(60)
    assert gathered.subject == "Weekly sales: 1 more failure since 07:12, and it works again"


def test_recovery_is_told_to_whoever_heard_of_the_failure(newsroom: Newsroom) -> None:
    newsroom.publish("one", by=newsroom.bob)
    newsroom.fail(at=SEVEN)
    newsroom.publish("two", by=newsroom.alice, at=minutes(20))

    newsroom.recover(failures=1, at=minutes(30))

    told = OutboxMessage.objects.filter(kind=Kind.RECOVERED)
    assert sorted(message.recipient.username for message in told) == ["alice", "bob"]


def test_fault_of_the_platform_is_told_to_admins_gathered_over_everything(
    newsroom: Newsroom,
) -> None:
    newsroom.publish("one")
    newsroom.person("ada", Role.ADMIN)
    for after in (0, 5):
        newsroom.fail(at=minutes(after), fault=Run.Fault.PLATFORM, state=Run.State.LOST)

    first, gathered = to("ada")

    assert "the fault is the platform's" in first.body
    assert first.publication is None
    assert gathered.subject == "Broadsheet itself: 1 more failure since 07:12"
    assert len(to("alice")) == 2


def test_failure_of_what_has_no_active_owner_is_told_to_admins(newsroom: Newsroom) -> None:
    newsroom.publish("one")
    newsroom.person("ada", Role.ADMIN)
    type(newsroom.alice).objects.filter(username="alice").update(is_active=False)

    newsroom.fail(at=SEVEN)

    assert to("alice") == []
    assert [message.subject for message in to("ada")] == ["Weekly sales: the refresh failed"]
