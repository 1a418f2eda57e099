"""What every template knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        "organisation": settings.ORGANISATION,
        "portal_origin": settings.PORTAL_ORIGIN,
        "display_time_zone": settings.DISPLAY_TIME_ZONE,
        "now": timezone.now(),
    }
