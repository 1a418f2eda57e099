"""Whether the parts that this room needs are alive; asked by the health page."""

from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from portal.common.health import Unhealthy
from portal.runs.models import Heartbeat

TICKER = "ticker"
PATIENCE = timedelta(seconds=60)


def check_database() -> str:
    """Write and read one row."""
    try:
        Heartbeat.objects.update_or_create(name="database", defaults={"at": timezone.now()})
        Heartbeat.objects.get(name="database")
    except DatabaseError as error:
        raise Unhealthy(f"The database does not take writes: {error}.") from error
    return "written and read"


def check_ticker() -> str:
    """Some ticker has ticked lately; without one nothing is refreshed by schedule."""
    beat = Heartbeat.objects.filter(name=TICKER).first()
    if beat is None:
        raise Unhealthy("No ticker has ever run. Start one: python manage.py ticker.")
    age = timezone.now() - beat.at
    if age > PATIENCE + timedelta(seconds=settings.TICK_SECONDS):
        raise Unhealthy(
            f"No ticker since {beat.at:%Y-%m-%d %H:%M:%S} UTC. Start one: python manage.py ticker."
        )
    return f"{age.total_seconds():.0f} s ago"
