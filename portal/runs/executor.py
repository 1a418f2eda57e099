"""How the rooms below reach this one: registered when the app is ready."""

from portal.common import health, ticks
from portal.publishing import plugs
from portal.runs import actions, isolation, parts, pulse, schedules, workers


def register() -> None:
    """Runs execute the versions that are code; schedules apply what a manifest asks for."""
    plugs.register_executor(actions.request_first_run, schedules.apply_manifest)
    plugs.register_page_part("refresh", parts.refresh_part)
    plugs.register_edition_part("checks", parts.checks_part)
    plugs.register_list_part("refresh", parts.refresh_list_part)
    health.register("database", pulse.check_database)
    health.register("ticker", pulse.check_ticker, needed=False)
    health.register("isolation", isolation.check_isolation, needed=False)
    health.register("workers", workers.check_workers, needed=False)
    ticks.register(workers.forget)
