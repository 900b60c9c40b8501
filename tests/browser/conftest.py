"""A real server on SQLite and a real Chromium in front of it.

``live`` is the server with the golden chain up to its profile in it; ``visit`` opens a
page in a browser of its own, for a visitor or for somebody who is signed in. Whatever
the browser complains about (console, content security policy, a script, an answer of
500) fails the test when it ends.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from apiflask import APIFlask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import Engine
from werkzeug.serving import make_server

from app.db import open_engine
from tests.labelled import grow_chain
from tests.people import PASSWORD, add_person, close, make_app
from tests.world import World, code_of

PHONE = (360, 740)
SMALL_PHONE = (320, 568)
DESK = (1280, 800)
YARD, CENTRE, SMELTER = "yard@example.org", "centre@example.org", "smelter@example.org"
AUDITOR, STATISTICIAN = "auditor@example.org", "statistician@example.org"
REGISTRAR = "registrar@example.org"
Locale = Literal["zh-CN", "en-GB"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser that leaves in the midst of an answer leaves its file to the collector.

    The server of the tests opened it; whichever test runs next would be blamed.
    """
    here = Path(__file__).parent
    mark = pytest.mark.filterwarnings(
        "ignore:.*unclosed file:ResourceWarning",
        "ignore:.*FileIO name=.*static:pytest.PytestUnraisableExceptionWarning",
    )
    for item in items:
        if here in item.path.parents:
            item.add_marker(mark)


@dataclass
class Live:
    """A server that answers.

    Attributes:
        url: Without a slash at its end.
        app: The application behind it.
        world: Doors into its database, to post facts past the pages.
    """

    url: str
    app: APIFlask
    world: World


@dataclass
class Visits:
    """Opens pages, and keeps what the browser complains about."""

    live: Live
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def __call__(
        self,
        path: str = "/",
        person: str | None = None,
        *,
        size: tuple[int, int] = DESK,
        locale: Locale = "zh-CN",
        scripts: bool = True,
    ) -> Page:
        """A page in a fresh browser profile.

        Args:
            path: Of this server.
            person: E-mail address of who signs in first; None for a visitor.
            size: Width and height of the window.
            locale: What the browser asks for.
            scripts: Whether JavaScript runs.
        """
        width, height = size
        context = self.browser.new_context(
            base_url=self.live.url,
            viewport={"width": width, "height": height},
            locale=locale,
            timezone_id="Asia/Shanghai",
            java_script_enabled=scripts,
            has_touch=width < DESK[0] // 2,
        )
        context.set_default_timeout(10_000)
        self.contexts.append(context)
        page = context.new_page()
        self._watch(page)
        if person is not None:
            page.goto("/login")
            page.fill("#email", person)
            page.fill("#password", PASSWORD)
            page.click("main button[type=submit]")
            page.wait_for_url(lambda url: "/login" not in url)
        page.goto(path)
        return page

    def expect(self, text: str) -> None:
        """Let the browser complain about something that the test provokes."""
        self.expected.append(text)

    def _watch(self, page: Page) -> None:
        page.on(
            "console",
            lambda message: (
                self._note(f"console: {message.text}")
                if message.type in ("error", "warning")
                else None
            ),
        )
        page.on("pageerror", lambda error: self._note(f"script: {error}"))
        page.on(
            "response",
            lambda answer: (
                self._note(f"{answer.status} {answer.url}")
                if answer.status >= 500
                else None
            ),
        )

    def _note(self, complaint: str) -> None:
        if not any(text in complaint for text in self.expected):
            self.complaints.append(complaint)


def find_chromium() -> str | None:
    """Where Chromium is; ``CHROMIUM`` names another place."""
    named = os.environ.get("CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, started once for a stretch of browser tests.

    Playwright keeps an event loop running in its thread: it has to be gone before the
    next test of another folder runs a loop of its own.
    """
    path = find_chromium()
    if path is None:
        pytest.skip("NO BROWSER: install chromium, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        # The sandbox of Chromium needs privileges that containers do not give
        running = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"]
        )
        yield running
        running.close()


@pytest.fixture
def sqlite_engine(sqlite_template: Path, tmp_path: Path) -> Iterator[Engine]:
    """An engine over a fresh, migrated SQLite file."""
    shutil.copy(sqlite_template, tmp_path / "live.db")
    engine = open_engine(f"sqlite:///{tmp_path}/live.db")
    yield engine
    engine.dispose()


@pytest.fixture
def live(sqlite_engine: Engine, tmp_path: Path) -> Iterator[Live]:
    """The golden chain up to its profile, served, with somebody of every role."""
    world = World(sqlite_engine)
    world.found()
    grow_chain(world)
    world.checkpoint()
    app = make_app(sqlite_engine, tmp_path)
    for email, organisation in (
        (YARD, "ORG-Y"),
        (CENTRE, "ORG-P"),
        (SMELTER, "ORG-S"),
    ):
        add_person(
            app, email, "recycler", "manager", organisation=code_of(organisation)
        )
    add_person(app, AUDITOR, "auditor")
    add_person(app, STATISTICIAN, "statistician")
    add_person(app, REGISTRAR, "registrar")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Live(f"http://127.0.0.1:{server.server_port}", app, world)
    server.shutdown()
    server.server_close()
    thread.join()
    close(app)


@pytest.fixture
def visit(live: Live, browser: Browser) -> Iterator[Visits]:
    """Opens pages; at its end no browser has complained."""
    visits = Visits(live, browser)
    yield visits
    for context in visits.contexts:
        context.close()
    assert visits.complaints == []


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    # A style sheet that is still on its way lets a picture be as wide as it likes
    page.wait_for_load_state()
    found: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return found
