"""The page of a run while it goes, in a real browser."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connections
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from portal.accounts.models import User
from portal.runs import director
from portal.runs.models import Run
from tests.browser.conftest import Site
from tests.browser.test_pages import sign_in
from tests.runs.authors import COUNTING, publish_script

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

TALKING = """
import time
for number in range(40):
    print(f"\\x1b[32mline\\x1b[0m {number} <b>", flush=True)
    time.sleep(0.1)
"""
PATIENCE = 45_000  # milliseconds that a busy machine may take
WAITING = "import time; print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def viewer(page: Page, context: BrowserContext, site: Site, alice: User) -> Page:
    """A page in alice's browser that fails the test when a script or the policy does."""
    sign_in(context, site, alice)
    page.on("pageerror", lambda error: pytest.fail(f"uncaught in the page: {error}"))
    page.on(
        "console",
        lambda said: pytest.fail(said.text) if "Content Security Policy" in said.text else None,
    )
    return page


@contextmanager
def worked_on(run: Run) -> Iterator[None]:
    """A worker of its own executes the run meanwhile."""

    def work() -> None:
        director.direct(run.pk, worker="calc-02")
        connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        Run.objects.filter(pk=run.pk).update(cancel_requested=True)  # where the test has failed
        worker.join()


@pytest.fixture
def start(alice: User) -> Callable[[str], Run]:
    return lambda source: publish_script(source, by=alice, at=timezone.now()).runs.get()


def numbers(page: Page) -> list[int]:
    return [int(found) for found in re.findall(r"line (\d+) <b>", page.inner_text("#log"))]


def test_lines_appear_in_order_and_once_also_after_a_reload(
    viewer: Page, site: Site, start: Callable[[str], Run]
) -> None:
    run = start(TALKING + COUNTING)
    viewer.goto(f"{site.portal}/operations/runs/{run.pk}/")
    expect(viewer.locator("#byline")).to_contain_text("Queued", timeout=PATIENCE)

    with worked_on(run):
        expect(viewer.locator("#log")).to_contain_text("line 5 <b>", timeout=PATIENCE)
        before = numbers(viewer)
        viewer.reload()
        after = numbers(viewer)
        expect(viewer.locator("#live")).to_contain_text("Edition 1 is published.", timeout=PATIENCE)

    assert before == list(range(len(before)))
    assert after == list(range(len(after)))
    assert len(after) >= len(before)
    assert numbers(viewer) == list(range(40))
    assert viewer.locator("#log .ansi-green").count() == 40
    expect(viewer.get_by_role("img", name="Processor over")).to_be_visible()
    expect(viewer.get_by_role("img", name="Memory over")).to_be_visible()
    expect(viewer.get_by_role("button", name="Run again")).to_be_visible()
    expect(viewer.get_by_role("button", name="Cancel run")).to_have_count(0)


def test_cancelling_is_told_on_the_page(
    viewer: Page, site: Site, start: Callable[[str], Run]
) -> None:
    run = start(WAITING)
    viewer.goto(f"{site.portal}/operations/runs/{run.pk}/")

    with worked_on(run):
        expect(viewer.locator("#log")).to_contain_text("ready", timeout=PATIENCE)
        viewer.get_by_role("button", name="Cancel run").click()
        viewer.get_by_role("button", name="Cancel the run").click()
        expect(viewer.locator("#byline")).to_contain_text("Cancelled by alice", timeout=PATIENCE)

    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


def test_log_stays_at_its_end_while_it_grows(
    viewer: Page, site: Site, start: Callable[[str], Run]
) -> None:
    run = start(WAITING)
    text = "".join(f"07:00:00 line {number} <b>\n" for number in range(500))
    run.log_chunks.create(sequence=1, at=timezone.now(), text=text)
    viewer.goto(f"{site.portal}/operations/runs/{run.pk}/")

    expect(viewer.get_by_text("line 499")).to_be_visible()
    run.log_chunks.create(sequence=2, at=timezone.now(), text="07:00:01 one more\n")

    expect(viewer.get_by_text("one more")).to_be_in_viewport()
