"""The pages of the queue in a real browser: they fit a phone, keep up with what happens, and hold still while one chooses."""

import os
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from portal.accounts.models import Role, User
from portal.runs import claims, limits
from portal.runs.models import Run, Worker
from tests.browser.conftest import Site
from tests.browser.test_pages import sign_in
from tests.publishing.shelf import person
from tests.runs.authors import CONSTANT, publish_script

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PATIENCE = 45_000  # milliseconds that a busy machine may take
PATHS = ("queue", "limits", "workers")


@pytest.fixture
def ada(site: Site) -> User:
    return person("ada", Role.ADMIN)


@pytest.fixture
def viewer(page: Page, context: BrowserContext, site: Site, ada: User) -> Page:
    """A page in an admin's browser that fails the test when a script or the policy does."""
    sign_in(context, site, ada)
    page.on("pageerror", lambda error: pytest.fail(f"uncaught in the page: {error}"))
    page.on(
        "console",
        lambda said: pytest.fail(said.text) if "Content Security Policy" in said.text else None,
    )
    return page


@pytest.fixture
def busy(ada: User) -> list[Run]:
    """One run goes, three wait, one of them for a limit; one worker lives, one has died."""
    now = timezone.now()
    later = now + timedelta(hours=1)  # a busy machine may take its time over this
    names = ("Weekly revenue by region", "Returns by reason and carrier", "Churn", "Stock-out")
    runs = [
        publish_script(CONSTANT, by=ada, at=now, slug=name.lower().replace(" ", "-")).runs.get()
        for name in names
    ]
    Run.objects.filter(pk__in=[runs[0].pk, runs[1].pk]).update(uses=["warehouse"])
    limits.set_limit("resource", "warehouse", 1, by=ada, at=now)
    claims.claim(runs[0].pk, worker="calc-01:12", at=now)
    Run.objects.filter(pk=runs[0].pk).update(progress=40, doing="Cell 9 of 14")
    facts = {"slots": 2, "cpus": 8, "python": "3.12.4", "isolation": "bubblewrap", "is_weak": False}
    more = {
        "processes": [12, 13],
        "kernels": ["ir"],
        "tools": [{"label": "bash", "version": "5.2"}],
    }
    Worker.objects.create(
        name="calc-01:1", started_at=now, seen_at=later, memory_mb=412, facts=facts | more
    )
    Worker.objects.create(
        name="calc-02:1",
        started_at=now,
        seen_at=now - timedelta(minutes=20),
        queues=["heavy", "night"],
        facts=facts | {"isolation": "plain: limits only", "is_weak": True},
    )
    return runs


@pytest.mark.parametrize("name", PATHS)
def test_page_fits_a_small_phone(viewer: Page, site: Site, busy: list[Run], name: str) -> None:
    viewer.set_viewport_size({"width": 360, "height": 740})

    viewer.goto(f"{site.portal}/operations/{name}/")

    assert viewer.evaluate("document.documentElement.scrollWidth") <= 360
    for width in (390, 1280) if "SHOTS" in os.environ else ():
        for scheme in ("light", "dark"):
            viewer.emulate_media(color_scheme=scheme)
            viewer.set_viewport_size({"width": width, "height": 900})
            viewer.screenshot(
                path=f"{os.environ['SHOTS']}/{name}-{width}-{scheme}.png", full_page=True
            )


def test_list_keeps_up_and_holds_still_while_something_is_ticked(
    viewer: Page, site: Site, busy: list[Run]
) -> None:
    viewer.goto(f"{site.portal}/operations/queue/")
    expect(viewer.locator("#queue")).to_contain_text("warehouse: 1 of 1")

    viewer.get_by_label(f"Choose run {busy[2].pk}").check()
    Run.objects.filter(pk=busy[3].pk).update(queue="heavy")
    viewer.wait_for_timeout(7_000)  # longer than the pause between two questions
    held = viewer.locator("#queue").inner_text()
    viewer.get_by_label(f"Choose run {busy[2].pk}").uncheck()

    expect(viewer.locator("#queue")).to_contain_text("queue heavy", timeout=PATIENCE)
    assert "queue heavy" not in held


def test_ticked_runs_get_another_priority(viewer: Page, site: Site, busy: list[Run]) -> None:
    viewer.goto(f"{site.portal}/operations/queue/")
    viewer.get_by_label(f"Choose run {busy[3].pk}").check()

    viewer.get_by_role("button", name="High priority").click()

    expect(viewer.locator("#queue tbody").last.locator("tr").first).to_contain_text("High")
    assert Run.objects.get(pk=busy[3].pk).priority == 1
