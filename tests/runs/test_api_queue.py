"""The queue, the workers and the limits as programs see them."""

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from portal.runs import claims
from portal.runs.models import Limit, Run, Worker
from tests.runs.test_queue import NAMES, queued

pytestmark = pytest.mark.django_db
API = "/api/v1"


@pytest.fixture(autouse=True)
def portal_host(settings: LazySettings, client: Client) -> None:
    client.defaults["HTTP_HOST"] = settings.PORTAL_ORIGIN.partition("//")[2]


def send(client: Client, path: str, **wish: object) -> tuple[int, dict[str, object]]:
    answer = client.post(f"{API}{path}", wish, content_type="application/json")
    return answer.status_code, answer.json()


def test_queue_is_told_in_its_order_with_reasons_and_counts(
    client: Client, alice: User, dora: User
) -> None:
    first, second, third, _fourth = queued(alice)
    queued(dora, "doras-thing")
    Run.objects.filter(pk=third.pk).update(priority=1)
    client.force_login(alice)

    told = client.get(f"{API}/queue/", {"limit": 2}).json()
    rest = client.get(f"{API}/queue/", {"limit": 2, "offset": told["next"]}).json()

    assert [one["id"] for one in told["items"]] == [third.pk, first.pk]
    assert told["items"][0]["why"] == "No worker is alive"
    assert (told["waiting"], told["waiting_elsewhere"], told["running"], told["slots"]) == (
        4,
        1,
        0,
        0,
    )
    assert rest["items"][0]["id"] == second.pk
    assert rest["next"] is None


def test_priority_is_changed_while_the_run_waits(client: Client, alice: User) -> None:
    (run,) = queued(alice, "alpha-report")
    client.force_login(alice)
    path = f"/runs/{run.pk}/priority/"

    waiting = send(client, path, priority="high")
    again = send(client, path, priority="high")
    claims.claim(run.pk, worker="w", at=timezone.now())
    going = send(client, path, priority="low")

    assert [(code, told["priority"]) for code, told in (waiting, again)] == 2 * [(200, 1)]
    assert (going[0], going[1]["code"]) == (409, "not_waiting")
    assert send(client, path, priority="urgent")[0] == 422


def test_workers_are_told_with_what_they_run(client: Client, alice: User, ada: User) -> None:
    (run,) = queued(alice, "alpha-report")
    now = timezone.now()
    claims.claim(run.pk, worker="here:12", at=now)
    facts = {"processes": [12], "slots": 2, "isolation": "bubblewrap", "kernels": ["ir"]}
    Worker.objects.create(name="here:1", started_at=now, seen_at=now, facts=facts)
    client.force_login(ada)

    (told,) = client.get(f"{API}/workers/").json()

    assert (told["name"], told["is_alive"], told["runs"], told["slots"]) == (
        "here:1",
        True,
        [run.pk],
        2,
    )


def test_limits_are_set_told_and_removed(client: Client, alice: User, ada: User) -> None:
    first, *_ = queued(alice, *NAMES[:2], uses=["warehouse"])
    claims.claim(first.pk, worker="w", at=timezone.now())
    client.force_login(ada)

    code, limit = send(client, "/limits/", of="resource", name="warehouse", most=1)
    refused = send(client, "/limits/", of="team", name="nobody", most=1)
    told = client.get(f"{API}/limits/").json()
    removed = client.delete(f"{API}/limits/{limit['id']}/").status_code

    assert (code, limit["going"], limit["set_by"]) == (200, 1, "ada")
    assert (refused[0], refused[1]["code"]) == (422, "bad_limit")
    assert told == [limit]
    assert removed == 204
    assert not Limit.objects.exists()
