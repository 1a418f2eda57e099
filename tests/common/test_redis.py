import subprocess
from pathlib import Path

import pytest
import redis as client

from portal.common import redis
from tests.machine import wait_until

needs_server = pytest.mark.redis


@pytest.fixture
def fake_server(tmp_path: Path):
    """Writes a program that says what a Redis of some version says."""

    def write(name: str, says: str) -> Path:
        binary = tmp_path / name
        binary.write_text(f"#!/bin/sh\necho '{says}'\n")
        binary.chmod(0o755)
        return binary

    return write


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("Redis server v=6.2.14 sha=40305114:0 malloc=libc bits=64", (6, 2)),
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", (7, 0)),
        ("Valkey server v=8.1.0 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", (8, 1)),
        ("no version at all", (0, 0)),
    ],
)
def test_server_version_reads_what_servers_say(fake_server, says, version) -> None:
    assert redis.server_version(fake_server("redis-server", says)) == version


def test_server_version_of_what_does_not_run_is_zero(tmp_path: Path) -> None:
    assert redis.server_version(tmp_path / "absent") == (0, 0)


def test_find_server_prefers_the_machines_own(fake_server, monkeypatch) -> None:
    own = fake_server("valkey-server", "Valkey server v=8.1.0")
    monkeypatch.setenv("PATH", str(own.parent))

    assert redis.find_server() == own


def test_find_server_passes_over_old_ones(fake_server, monkeypatch) -> None:
    old = fake_server("redis-server", "Redis server v=6.0.16")
    bundled = fake_server("bundled", "Redis server v=6.2.14")
    monkeypatch.setenv("PATH", str(old.parent))
    monkeypatch.setattr(redis, "BUNDLED", bundled)

    assert redis.find_server() == bundled


def test_find_server_names_the_remedies_when_there_is_none(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis, "BUNDLED", tmp_path / "absent")

    with pytest.raises(redis.NoRedis, match=r"apt install redis-server.*Valkey.*REDIS_URL"):
        redis.find_server()


@needs_server
def test_embedded_server_keeps_messages_over_a_kill(tmp_path: Path) -> None:
    server = redis.prepare(tmp_path / "a folder" / "redis")
    first = _start(server)
    with client.Redis.from_url(server.url) as broker:
        broker.rpush("queue", "message")
        wait_until(lambda: broker.info("persistence")["aof_buffer_length"] == 0)
    first.kill()
    first.wait(timeout=10)

    second = _start(server)

    with client.Redis.from_url(server.url) as broker:
        assert broker.lrange("queue", 0, -1) == [b"message"]
    second.terminate()
    second.wait(timeout=10)


@needs_server
def test_embedded_server_asks_for_its_password(redis_url: str) -> None:
    assert "authenticat" in redis.trouble(redis.without_password(redis_url))


@needs_server
def test_embedded_server_refuses_rather_than_drops(redis_url: str) -> None:
    with client.Redis.from_url(redis_url) as broker:
        settings = broker.config_get("maxmemory-policy", "appendfsync")

    assert settings == {"maxmemory-policy": "noeviction", "appendfsync": "everysec"}


def test_configuration_is_for_its_owner_alone(tmp_path: Path) -> None:
    redis.prepare(tmp_path)

    assert (tmp_path / "redis.conf").stat().st_mode & 0o777 == 0o600


def test_trouble_tells_why_nothing_answers() -> None:
    assert "refused" in redis.trouble("redis://127.0.0.1:1/0")


def test_without_password_keeps_the_rest() -> None:
    assert redis.without_password("redis://:secret@host:6379/2") == "redis://host:6379/2"


def _start(server: redis.EmbeddedRedis) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(server.command, stdout=subprocess.DEVNULL)
    wait_until(lambda: not redis.trouble(server.url))
    return process
