"""How the rooms below reach this one: registered when the app is ready."""

from portal.common import ticks
from portal.common.tasks import ring
from portal.notifications import actions, events, holdings, parts
from portal.notifications.tasks import deliver_outbox, deliver_webhooks, ring_for_waiting
from portal.publishing import plugs
from portal.runs.operations import readers


def register() -> None:
    """Every announcement is written to the outbox in its own transaction, and sent after its commit."""
    plugs.on_announcement(tell)
    plugs.register_page_part("follow", parts.follow_part)
    plugs.register_list_part("followers", parts.followers_list_part)
    holdings.register()
    ticks.register(ring_for_waiting)
    readers.register(parts.count_followers)


def tell(announcement: plugs.Announcement) -> None:
    """Write the messages now; ring for their delivery once the transaction holds."""
    if actions.note(announcement):
        ring(deliver_outbox)
    if events.note(announcement):
        ring(deliver_webhooks)
