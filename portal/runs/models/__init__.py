"""Executions of versions, and when they are due."""

from portal.runs.models.environments import Environment, VersionEnvironment
from portal.runs.models.runs import ACTIVE, Backfill, CheckResult, Limit, LogChunk, Run
from portal.runs.models.schedules import Calendar, Schedule, ScheduleUpstream
from portal.runs.models.secrets import Secret, SecretGrant
from portal.runs.models.slots import Arrival, Promise, Slot
from portal.runs.models.workers import Heartbeat, Worker

__all__ = [
    "ACTIVE",
    "Arrival",
    "Backfill",
    "Calendar",
    "CheckResult",
    "Environment",
    "Heartbeat",
    "Limit",
    "LogChunk",
    "Promise",
    "Run",
    "Schedule",
    "ScheduleUpstream",
    "Secret",
    "SecretGrant",
    "Slot",
    "VersionEnvironment",
    "Worker",
]
