from django.urls import path

from portal.notifications.views import following, webhooks

urlpatterns = [
    path("following/", following.following, name="following"),
    path("unsubscribe/<str:token>/", following.unsubscribe, name="unsubscribe"),
    path("operations/webhooks/", webhooks.webhooks_page, name="webhooks"),
    path("operations/webhooks/<int:pk>/", webhooks.webhook_page, name="webhook"),
    path("<kind:kind>/<slug:slug>/follow/", following.follow, name="follow"),
]
