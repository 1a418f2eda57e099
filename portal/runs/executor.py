"""How the rooms below reach this one: registered when the app is ready."""

from portal.common import health, ticks
from portal.publishing import plugs
from portal.runs import (
    actions,
    declared,
    holdings,
    isolation,
    news,
    parts,
    pulse,
    removals,
    workers,
)


def register() -> None:
    """Runs execute the versions that are code; schedules apply what a manifest asks for."""
    plugs.register_executor(actions.execute_version, declared.apply_manifest)
    plugs.on_announcement(news.hear)
    plugs.on_announcement(removals.hear)
    plugs.register_page_part("refresh", parts.refresh_part)
    plugs.register_edition_part("checks", parts.checks_part)
    plugs.register_list_part("refresh", parts.refresh_list_part)
    holdings.register()
    health.register("database", pulse.check_database)
    health.register("ticker", pulse.check_ticker, needed=False)
    health.register("isolation", isolation.check_isolation, needed=False)
    health.register("workers", workers.check_workers, needed=False)
    ticks.register(workers.forget)
