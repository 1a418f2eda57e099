"""A real browser before the whole site: the portal, the content origin, and a third site that embeds."""

import http.server
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from django.test.testcases import LiveServerThread
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from portal.accounts.models import User
from tests.machine import chromium
from tests.publishing.shelf import person


@dataclass(frozen=True)
class Site:
    """The two origins of one running portal."""

    portal: str
    content: str


@dataclass
class HostSite:
    """A site of somebody else: it serves what `pages` holds."""

    origin: str
    pages: dict[str, str] = field(default_factory=dict)

    def show(self, html: str) -> str:
        """The address of a new page with this body."""
        path = f"/{len(self.pages)}"
        self.pages[path] = f"<!doctype html><title>Host</title>{html}"
        return self.origin + path


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    # Playwright keeps an event loop in this thread, which Django would take for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(chrome: Browser, site: Site, host: HostSite) -> Iterator[BrowserContext]:
    """A browser without a past. It goes before the servers, so that they find their connections closed."""
    context = chrome.new_context()
    context.set_default_timeout(45_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def site(transactional_db: None, settings: object) -> Iterator[Site]:
    """The portal on a free port, answering with its own middleware for static files too."""
    shared = {
        connection.alias: connection
        for connection in connections.all()
        if connection.vendor == "sqlite" and connection.is_in_memory_db()
    }
    for connection in shared.values():
        connection.inc_thread_sharing()
    server = LiveServerThread("127.0.0.1", lambda _: WSGIHandler(), connections_override=shared)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    server.httpd.daemon_threads = False  # closing waits for them: they share the test's connection
    if server.error:
        raise server.error
    site = Site(f"http://localhost:{server.port}", f"http://127.0.0.1:{server.port}")
    settings.PORTAL_ORIGIN, settings.CONTENT_ORIGIN = site.portal, site.content

    yield site

    server.terminate()
    for connection in shared.values():
        connection.dec_thread_sharing()


@pytest.fixture
def host() -> Iterator[HostSite]:
    """Another site, where people embed things."""
    pages: dict[str, str] = {}
    handler = type("Handler", (_HostHandler,), {"pages": pages})
    server = http.server.ThreadingHTTPServer(("127.0.0.2", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    yield HostSite(f"http://127.0.0.2:{server.server_port}", pages)

    server.shutdown()
    server.server_close()


class _HostHandler(http.server.BaseHTTPRequestHandler):
    pages: dict[str, str]

    def do_GET(self) -> None:
        body = self.pages.get(self.path, "").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def alice(site: Site) -> User:
    return person("alice")
