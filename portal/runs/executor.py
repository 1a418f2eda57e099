"""How the publishing room reaches this one: registered when the app is ready."""

from portal.publishing import plugs
from portal.runs import actions, schedules


def register() -> None:
    """Runs execute the versions that are code; schedules apply what a manifest asks for."""
    plugs.register_executor(actions.request_first_run, schedules.apply_manifest)
