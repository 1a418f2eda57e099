"""Addresses of runs, schedules and secrets."""

from django.urls import path

from portal.runs.views import (
    audit,
    environments,
    schedule_list,
    schedules,
    secrets,
    storage,
    today,
)
from portal.runs.views import runs as views

urlpatterns = [
    path("operations/", today.operations, name="operations"),
    path("operations/schedules/", schedule_list.schedule_list, name="schedules"),
    path("operations/schedules/change/", schedule_list.change_schedules, name="change-schedules"),
    path("operations/environments/", environments.environments, name="environments"),
    path("operations/environments/<int:pk>/", environments.environment, name="environment"),
    path("operations/storage/", storage.storage, name="storage"),
    path("operations/audit/", audit.audit, name="audit"),
    path("operations/runs.csv", views.runs_table, name="runs-table"),
    path("operations/runs/", views.runs, name="runs"),
    path("operations/runs/<int:pk>/", views.run, name="run"),
    path("operations/runs/<int:pk>/live/", views.run_live, name="run-live"),
    path("operations/runs/<int:pk>/log/", views.run_log, name="run-log"),
    path("operations/runs/<int:pk>/cancel/", views.cancel_run, name="cancel-run"),
    path("operations/runs/<int:pk>/again/", views.run_again, name="run-again"),
    path("operations/secrets/", secrets.secrets_page, name="secrets"),
    path("operations/secrets/<int:pk>/", secrets.secret_page, name="secret"),
    path("<kind:kind>/<slug:slug>/run/", views.run_now, name="run-now"),
    path(
        "<kind:kind>/<slug:slug>/versions/<int:major>.<int:minor>/environment.txt",
        views.version_environment,
        name="version-environment",
    ),
    path("<kind:kind>/<slug:slug>/schedule/", schedules.schedule, name="schedule"),
]
