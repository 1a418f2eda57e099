from django.urls import path

from portal.notifications import views

urlpatterns = [
    path("<kind:kind>/<slug:slug>/follow/", views.follow, name="follow"),
]
