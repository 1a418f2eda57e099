"""Gathers the models of the portal's rooms, so that Django finds them in one app."""

from portal.accounts.models import Membership, Team, User
from portal.notifications.models import OutboxMessage, Subscription
from portal.publishing.models import (
    AuditEvent,
    Blob,
    Edition,
    EmbedGrant,
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
    Secret,
    SecretGrant,
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
    "Publication",
    "PublishEvent",
    "Run",
    "Schedule",
    "Secret",
    "SecretGrant",
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
