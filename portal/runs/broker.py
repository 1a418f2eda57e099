"""What the broker has to say of itself: whether it answers, and how many bells nobody has heard yet."""

from dataclasses import dataclass

import redis
from django.conf import settings

SECONDS = 1


@dataclass(frozen=True)
class Broker:
    """`bells` is None where it cannot be counted."""

    address: str
    trouble: str = ""
    bells: int | None = None


def state() -> Broker:
    """Ask it now; waits a second at most. Brokers other than Redis are not asked."""
    url = settings.CELERY_BROKER_URL
    scheme, _, rest = url.partition("://")
    address = f"{scheme}://{rest.rpartition('@')[2]}"
    if scheme not in {"redis", "rediss"}:
        return Broker(address)
    client = redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
    try:
        doors = client.scan_iter(match=f"{settings.CELERY_TASK_DEFAULT_QUEUE}*", _type="LIST")
        return Broker(address, bells=sum(client.llen(door) for door in doors))
    except redis.RedisError as error:
        return Broker(address, trouble=str(error))
    finally:
        client.close()
