"""Writing what people are to be told."""

from portal.publishing import plugs


def note(announcement: plugs.Announcement) -> None:
    """Write the announcement to the outbox, once per person it concerns."""
