"""The content origin's addresses: stored files and embed pages; no sessions, no admin, no forms."""

from django.urls import path

from portal.common import health
from portal.publishing import content_views

handler404 = content_views.not_found
handler500 = content_views.server_error

urlpatterns = [
    path("c/<str:token>/", content_views.content_file, {"path": ""}, name="content-entry"),
    path("c/<str:token>/<path:path>", content_views.content_file, name="content-file"),
    path("e/<str:token>/", content_views.embed_page, name="embed-page"),
    path("health/live", health.live, name="health-live"),
]
