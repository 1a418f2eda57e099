"""Gathers the models of the portal's rooms, so that Django finds them in one app."""

from portal.accounts.models import Membership, Team, User
from portal.notifications.models import OutboxMessage, Subscription
from portal.publishing.models import (
    AuditEvent,
    Blob,
    Edition,
    EmbedGrant,
    Part,
    Publication,
    PublishEvent,
    SlugRedirect,
    Tree,
    TreeEntry,
    Variant,
    Version,
)
from portal.runs.models import (
    CheckResult,
    Environment,
    Heartbeat,
    LogChunk,
    Run,
    Schedule,
    Slot,
    VersionEnvironment,
)

__all__ = [
    "AuditEvent",
    "Blob",
    "CheckResult",
    "Edition",
    "EmbedGrant",
    "Environment",
    "Heartbeat",
    "LogChunk",
    "Membership",
    "OutboxMessage",
    "Part",
    "Publication",
    "PublishEvent",
    "Run",
    "Schedule",
    "Slot",
    "SlugRedirect",
    "Subscription",
    "Team",
    "Tree",
    "TreeEntry",
    "User",
    "Variant",
    "Version",
    "VersionEnvironment",
]
