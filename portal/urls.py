"""The portal's addresses: typed prefixes, nothing at the root but home."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from portal.accounts.urls import urlpatterns as accounts
from portal.api import api
from portal.common import health
from portal.notifications.urls import urlpatterns as notifications
from portal.publishing.urls import urlpatterns as publishing
from portal.runs.urls import urlpatterns as runs

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("api/v1/", api.urls),
    path("", include(accounts)),
    path("", include(runs)),
    path("", include(notifications)),
    path("", include(publishing)),
]

handler400 = "portal.common.errors.bad_request"
handler403 = "portal.common.errors.forbidden"
handler404 = "portal.common.errors.not_found"
handler500 = "portal.common.errors.server_error"
