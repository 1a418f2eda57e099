"""What workers tell of themselves, and what is made of it."""

import os
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from portal.common.health import Unhealthy
from portal.publishing.models import Variant
from portal.runs import broker, claims, workers
from portal.runs.models import Worker
from tests.machine import wait_until
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db


def hire(name: str, *, age: int = 0, **fields: object) -> Worker:
    seen = timezone.now() - timedelta(seconds=age)
    return Worker.objects.create(name=name, started_at=seen, seen_at=seen, **fields)


@pytest.mark.django_db(transaction=True)
def test_worker_tells_of_itself_until_it_stops() -> None:
    pulse = workers.Pulse(slots=4)

    pulse.start()
    wait_until(Worker.objects.exists)
    told = Worker.objects.get()
    living = workers.alive(timezone.now()).count()
    pulse.stop()

    assert told.name == pulse.name
    assert (told.facts["slots"], told.facts["cpus"]) == (4, os.cpu_count())
    assert told.memory_mb > 10
    assert (living, workers.alive(timezone.now()).count()) == (1, 0)
    assert Worker.objects.get().stopped_at is not None


def test_worker_not_heard_of_is_dead_and_forgotten_after_a_day() -> None:
    hire("here:1", age=60)
    hire("here:2", age=60 * 60 * 25)

    workers.forget(timezone.now())

    assert not workers.alive(timezone.now()).exists()
    assert [worker.name for worker in Worker.objects.all()] == ["here:1"]


def test_health_knows_that_no_worker_is_alive() -> None:
    with pytest.raises(Unhealthy, match="none was in the last day"):
        workers.check_workers()
    hire("here:1", age=60)
    with pytest.raises(Unhealthy, match="No worker is alive since"):
        workers.check_workers()
    hire("here:2")
    assert workers.check_workers() == "1 alive"


def test_run_is_told_of_the_worker_whose_process_executes_it(counting: Variant) -> None:
    run = counting.runs.get()
    claims.claim(run.pk, worker="here:12", at=MONDAY)
    run.refresh_from_db()
    found = [
        hire("here:1", facts={"processes": [11, 12]}),
        hire("there:1", facts={"processes": [12]}),
    ]

    assert workers.running_on(found, [run]) == {"here:1": [run]}
    assert workers.running_on(found[1:], [run]) == {"": [run]}


def test_page_tells_of_living_stopped_and_lost_workers(
    client: Client, counting: Variant, ada: User
) -> None:
    claims.claim(counting.runs.get().pk, worker="here:12", at=MONDAY)
    hire("here:1", facts={"processes": [12], "isolation": "bubblewrap", "kernels": ["ir"]})
    hire("here:2", age=600, queues=["heavy"])
    hire("here:3", stopped_at=timezone.now())
    client.force_login(ada)

    page = client.get("/operations/workers/").content.decode()

    assert ">Counting</a>" in page
    for words in ("Alive", "Not heard of since", "Stopped", "heavy", "every queue", "bubblewrap"):
        assert words in page


def test_broker_that_is_no_redis_is_not_asked() -> None:
    state = broker.state()

    assert (state.address, state.bells, state.trouble) == ("memory://", None, "")


@pytest.mark.redis
def test_broker_counts_the_bells_that_nobody_heard(redis_url: str, settings: object) -> None:
    import redis

    settings.CELERY_BROKER_URL = redis_url
    with redis.Redis.from_url(redis_url) as client:
        client.lpush("broadsheet", "one")
        client.lpush("broadsheet.heavy", "two", "three")
        counted = broker.state()
        client.delete("broadsheet", "broadsheet.heavy")

    assert (counted.bells, counted.trouble) == (3, "")
    assert "@" not in counted.address
