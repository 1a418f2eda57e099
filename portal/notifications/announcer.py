"""How the rooms below reach this one: registered when the app is ready."""

from portal.notifications import actions
from portal.publishing import plugs


def register() -> None:
    """Every announcement is written to the outbox, in its own transaction."""
    plugs.on_announcement(actions.note)
