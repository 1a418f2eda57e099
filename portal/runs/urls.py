"""Addresses of runs, schedules and secrets."""

from django.urls import path

from portal.runs.views import (
    arrivals,
    audit,
    backfills,
    calendars,
    environments,
    limits,
    queue,
    schedule_list,
    schedules,
    secrets,
    storage,
    today,
    workers,
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
    path("operations/queue/", queue.queue_page, name="queue"),
    path("operations/queue/live/", queue.queue_live, name="queue-live"),
    path("operations/limits/", limits.limits_page, name="limits"),
    path("operations/workers/", workers.workers_page, name="workers"),
    path("operations/calendars/", calendars.calendars_page, name="calendars"),
    path("operations/calendars/new/", calendars.new_calendar, name="new-calendar"),
    path("operations/calendars/<int:pk>/", calendars.calendar_page, name="calendar"),
    path(
        "operations/calendars/<int:pk>/change/", calendars.change_calendar, name="change-calendar"
    ),
    path("operations/backfills/<int:pk>/", backfills.backfill, name="backfill"),
    path(
        "operations/backfills/<int:pk>/cancel/", backfills.cancel_backfill, name="cancel-backfill"
    ),
    path("operations/secrets/", secrets.secrets_page, name="secrets"),
    path("operations/secrets/<int:pk>/", secrets.secret_page, name="secret"),
    path("hooks/arrivals/<slug:hook>/", arrivals.arrive, name="arrival"),
    path("<kind:kind>/<slug:slug>/run/", views.run_now, name="run-now"),
    path(
        "<kind:kind>/<slug:slug>/versions/<int:major>.<int:minor>/environment.txt",
        views.version_environment,
        name="version-environment",
    ),
    path(
        "<kind:kind>/<slug:slug>/schedule/backfill/",
        backfills.plan_backfill,
        name="plan-backfill",
    ),
    path("<kind:kind>/<slug:slug>/schedule/", schedules.schedule, name="schedule"),
]
