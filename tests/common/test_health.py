"""Live asks nothing; ready asks every part, and knows what pages can do without."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.storage import storages
from django.test import Client

from portal.common import health
from portal.common.redis import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def surroundings(settings: LazySettings, client: Client) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    client.defaults["HTTP_HOST"] = settings.PORTAL_ORIGIN.partition("//")[2]


def test_live_needs_no_sign_in(client: Client) -> None:
    answer = client.get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "live"})


def test_ready_without_broker_is_degraded_and_still_200(client: Client) -> None:
    answer = client.get("/health/ready")

    parts = answer.json()["parts"]
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert not parts["broker"]["ok"]
    assert "refreshes wait" in parts["broker"]["says"]
    assert all(parts[name]["ok"] for name in ("database", "files", "disk", "migrations"))


@pytest.mark.redis
def test_broker_that_answers_is_well(redis_url: str, settings: LazySettings) -> None:
    settings.REDIS_URL = redis_url

    assert health.check_broker() == "answers"


def test_ready_with_a_store_that_takes_nothing_is_503(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(storages["blobs"], "_location", str(tmp_path / "file"))
    for cached in ("base_location", "location"):
        storages["blobs"].__dict__.pop(cached, None)

    answer = client.get("/health/ready")

    for cached in ("base_location", "location"):
        storages["blobs"].__dict__.pop(cached, None)
    assert (answer.status_code, answer.json()["status"]) == (503, "unready")
    assert "does not take files" in answer.json()["parts"]["files"]["says"]


def test_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "FREE_PER_CENT", 101)

    with pytest.raises(health.Unhealthy, match="Make room"):
        health.check_disk()
