"""Pictures of every page, to look at: ``python -m tools.screenshots FOLDER``.

Loads the demonstration into ``FOLDER/world`` (once), serves it, and photographs every
page of ``SHOTS`` on a phone and on a desk, in Chinese and in English, as
``FOLDER/<name>-<size>-<language>.png``. ``--only`` takes words that names contain.
Needs Chromium; ``CHROMIUM`` names another place.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

SIZES = {"phone": (360, 740), "desk": (1280, 900)}
LOCALES = {"zh": "zh-CN", "en": "en-GB"}
SERVER_STARTS_S = 60
YARD, MANAGER = "yard@example.com", "casthouse@example.com"
STATISTICIAN, REGISTRAR = "statistician@example.com", "registrar@example.com"
AUDITOR = "auditor@example.com"
CODE = "([0-9A-Z]{12})"
PICTURES_COME = """() => Promise.all([...document.images]
  .filter((one) => one.checkVisibility())
  .map((one) => { one.loading = "eager"; return one.decode(); }))"""
CHECK_IS_DONE = """() => {
  const check = document.querySelector("#own-check:not([hidden])");
  return !check || [...check.classList].some((one) => one.startsWith("is-"));
}"""


@dataclass(frozen=True, slots=True)
class Shot:
    """A page to photograph.

    Attributes:
        name: Of the picture.
        endpoint: The route behind the page.
        path: Its address; ``{}`` stands for what ``pattern`` finds.
        person: E-mail address of who looks; None for a visitor.
        found_on: Page whose source holds what the address needs.
        pattern: Finds it there.
        asks: How often the page is asked for.
    """

    name: str
    endpoint: str
    path: str
    person: str | None = None
    found_on: str = ""
    pattern: str = ""
    asks: int = 1


SHOTS = (
    Shot("home-visitor", "public.show_home", "/"),
    Shot("log-in", "security.login", "/login"),
    Shot("verify-find", "verify.find_label", "/v"),
    Shot("verify-unknown", "verify.show_label", "/v/0000-0000-0000"),
    Shot("verify-mistyped", "verify.show_label", "/v/not-a-code"),
    Shot("statistics-visitor", "statistics.show_national", "/statistics/national"),
    Shot("problem", "problems.show_problem_type", "/problems/refused"),
    Shot("error-404", "public.show_home", "/nothing-here"),
    Shot("home-yard", "public.show_home", "/", YARD),
    Shot("lots-yard", "web.show_lots", "/lots", YARD),
    Shot(
        "lot-yard",
        "web.show_lot",
        "/lots/{}",
        YARD,
        "/lots",
        f'href="/lots/{CODE}"',
    ),
    Shot("lot-new", "web.new_lot", "/lots/new", YARD),
    Shot("error-403", "web.show_users", "/account/users", YARD),
    Shot("home-manager", "public.show_home", "/", MANAGER),
    Shot("lots", "web.show_lots", "/lots", MANAGER),
    Shot("lots-none", "web.show_lots", "/lots?text=nothing-here", MANAGER),
    Shot("search-none", "web.search", "/search?text=nothing-here", MANAGER),
    Shot("lot", "web.show_lot", "/lots/{}", MANAGER, "/claims", f'href="/lots/{CODE}"'),
    Shot("runs", "web.show_runs", "/runs", MANAGER),
    Shot("run", "web.show_run", "/runs/{}", MANAGER, "/runs", f'href="/runs/{CODE}"'),
    Shot("run-new", "web.new_run", "/runs/new?kind=melt", MANAGER),
    Shot(
        "run-new-lot",
        "web.new_run",
        "/runs/new?kind=cast&lot={}",
        MANAGER,
        "/claims",
        f'href="/lots/{CODE}"',
    ),
    Shot("transfers", "web.show_transfers", "/transfers", MANAGER),
    Shot(
        "transfer-waits",
        "web.show_transfer",
        "/transfers/{}",
        MANAGER,
        "/",
        f'href="/transfers/{CODE}"',
    ),
    Shot("transfer-new", "web.new_transfer", "/transfers/new", MANAGER),
    Shot(
        "transfer-new-lot",
        "web.new_transfer",
        "/transfers/new?lot={}",
        MANAGER,
        "/lots?state=here",
        f'href="/lots/{CODE}"',
    ),
    Shot("delivery-new", "web.new_delivery", "/deliveries/new", MANAGER),
    Shot(
        "delivery-new-lot",
        "web.new_delivery",
        "/deliveries/new?lot={}",
        MANAGER,
        "/claims",
        f'href="/lots/{CODE}"',
    ),
    Shot(
        "receipt",
        "web.show_receipt",
        "/logged/{}",
        MANAGER,
        "/ledger/search?type=run.recorded",
        r'href="/ledger/entries/(\d+)"',
    ),
    Shot(
        "take-back",
        "web.ask_to_take_back",
        "/entries/{}/take-back",
        MANAGER,
        "/ledger/search?type=run.recorded",
        r'href="/ledger/entries/(\d+)"',
    ),
    Shot("claims", "web.show_claims", "/claims", MANAGER),
    Shot(
        "claim",
        "web.show_claim",
        "/claims/{}",
        MANAGER,
        "/claims?state=active",
        f'href="/claims/{CODE}"',
    ),
    Shot(
        "claim-withdrawn",
        "web.show_claim",
        "/claims/{}",
        MANAGER,
        "/claims?state=withdrawn",
        f'href="/claims/{CODE}"',
    ),
    Shot("claim-new", "web.new_claim", "/claims/new", MANAGER),
    Shot(
        "claim-new-lot",
        "web.new_claim",
        "/claims/new?lot={}",
        MANAGER,
        "/claims?state=withdrawn",
        f'href="/lots/{CODE}"',
    ),
    Shot("labels", "web.show_labels", "/labels", MANAGER),
    Shot(
        "label",
        "web.show_print_run",
        "/labels/{}",
        MANAGER,
        "/labels",
        r'href="/labels/(\d+)"',
    ),
    Shot("label-new", "web.new_labels", "/labels/new", MANAGER),
    Shot(
        "label-new-claim",
        "web.new_labels",
        "/labels/new?claim={}",
        MANAGER,
        "/claims?state=active",
        f'href="/claims/{CODE}"',
    ),
    Shot("imports", "web.show_imports", "/imports", MANAGER),
    Shot(
        "import",
        "web.show_import",
        "/imports/{}",
        MANAGER,
        "/imports",
        'href="/imports/([^/".]+)"',
    ),
    Shot("ledger", "ledger.show_ledger", "/ledger"),
    Shot("ledger-not-found", "ledger.find_entry", "/ledger/find?text=c0ffee"),
    Shot(
        "ledger-checkpoint",
        "ledger.show_checkpoint",
        "/ledger/checkpoints/{}",
        None,
        "/ledger",
        r'href="/ledger/checkpoints/(\d+)"',
    ),
    Shot("ledger-entry-closed", "ledger.show_entry", "/ledger/entries/53"),
    Shot("ledger-search", "ledger.search", "/ledger/search", MANAGER),
    Shot(
        "ledger-search-lot",
        "ledger.search",
        "/ledger/search?lot={}",
        AUDITOR,
        "/ledger/search?type=claim.issued",
        r'href="/ledger/search\?lot=([0-9A-Z]{12})"',
    ),
    Shot(
        "ledger-entry-claim",
        "ledger.show_entry",
        "/ledger/entries/{}",
        MANAGER,
        "/ledger/search?type=claim.issued",
        r'href="/ledger/entries/(\d+)"',
    ),
    Shot(
        "ledger-entry-run",
        "ledger.show_entry",
        "/ledger/entries/{}",
        AUDITOR,
        "/ledger/search?type=run.recorded",
        r'href="/ledger/entries/(\d+)"',
    ),
    Shot(
        "ledger-keys",
        "ledger.show_keys",
        "/ledger/keys/{}",
        MANAGER,
        "/keys",
        r'href="/ledger/keys/([0-9A-Z]{12})"',
    ),
    Shot(
        "entry-private",
        "web.show_private",
        "/entries/{}/private",
        MANAGER,
        "/ledger/search?type=run.recorded",
        r'href="/ledger/entries/(\d+)"',
    ),
    Shot(
        "entry-take-back",
        "web.ask_to_take_back",
        "/entries/{}/take-back",
        MANAGER,
        "/ledger/search?type=run.recorded",
        r'href="/ledger/entries/(\d+)"',
    ),
    Shot("facilities", "web.show_facilities", "/facilities", MANAGER),
    Shot("keys", "web.show_keys", "/keys", MANAGER),
    Shot("users", "web.show_users", "/account/users", MANAGER),
    Shot("settings", "web.show_settings", "/account/settings", MANAGER),
    Shot("tokens", "web.show_tokens", "/account/tokens", MANAGER),
    Shot("password", "security.change_password", "/account/password", MANAGER),
    Shot("statistics-manager", "statistics.show_statistics", "/statistics", MANAGER),
    Shot("home-auditor", "public.show_home", "/", AUDITOR),
    Shot("ledger-auditor", "ledger.show_ledger", "/ledger", AUDITOR),
    Shot("home-statistician", "public.show_home", "/", STATISTICIAN),
    Shot("statistics", "statistics.show_statistics", "/statistics", STATISTICIAN),
    Shot("home-registrar", "public.show_home", "/", REGISTRAR),
    Shot("organisations", "web.show_organisations", "/organisations", REGISTRAR),
    Shot("keys-registrar", "web.show_keys", "/keys", REGISTRAR),
    Shot("verify-valid", "verify.show_label", "/v/{}", None, "/", f'href="/v/{CODE}"'),
    Shot(
        "verify-revoked",
        "verify.show_label",
        "/v/{}",
        None,
        "/",
        f'(?s)(?:href="/v/.*?){{1}}href="/v/{CODE}"',
    ),
    Shot(
        "verify-no-claim",
        "verify.show_label",
        "/v/{}",
        None,
        "/",
        f'(?s)(?:href="/v/.*?){{2}}href="/v/{CODE}"',
    ),
    # The last: the address has guessed too often afterwards
    Shot("error-429", "verify.show_label", "/v/0000-0000-0001", asks=80),
)


def find_chromium() -> str:
    """Where Chromium is.

    Raises:
        SystemExit: There is none.
    """
    named = os.environ.get("CHROMIUM")
    path = named or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        sys.exit("no Chromium found: install it, or name one in CHROMIUM")
    return path


@contextmanager
def served(world: Path) -> Iterator[tuple[str, str]]:
    """The demonstration, served: its address, and the password of all its people."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    world.mkdir(parents=True, exist_ok=True)
    settings = {"REMELT_DATA_DIR": str(world.resolve()), "REMELT_BASE_URL": url}
    environment = os.environ | settings
    for command in (["db", "upgrade"], ["demo", "load", "--quiet"]):
        if _start(command, environment).wait():
            sys.exit(f"no demonstration: remelt {' '.join(command)} failed")
    server = _start(["serve", "--port", str(port)], environment)
    try:
        _wait_for(f"{url}/healthz")
        state = json.loads((world / "demonstration.json").read_text(encoding="utf-8"))
        yield url, str(state["password"])
    finally:
        server.terminate()
        server.wait()


def _start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    remelt = Path(sys.executable).with_name("remelt")
    return subprocess.Popen([remelt, *command], env=environment)  # noqa: S603 - our own


def _wait_for(address: str) -> None:
    until = time.monotonic() + SERVER_STARTS_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - our own
                return
        except URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def sign_in(browser: Browser, url: str, person: str, password: str) -> Any:  # noqa: ANN401 - what Playwright keeps of a session
    """The session of somebody, opened once for all their pages."""
    context = browser.new_context(base_url=url)
    page = context.new_page()
    page.goto("/login")
    page.fill("#email", person)
    page.fill("#password", password)
    page.click("main button[type=submit]")
    page.wait_for_url(lambda address: "/login" not in address)
    if person == MANAGER:
        _upload(page)
    state = context.storage_state()
    context.close()
    return state


def _upload(page: Page) -> None:
    """Give the list of imports a file with a fault in it."""
    template = page.request.get("/imports/templates/sourced.csv").text()
    columns = template.splitlines()[0].count(",")
    faulty = template.splitlines()[0] + "\nS-1,2026-11-0l" + "," * (columns - 1) + "\n"
    page.goto("/imports")
    page.set_input_files(
        "input[type=file]",
        {"name": "sourced.csv", "mimeType": "text/csv", "buffer": faulty.encode()},
    )
    page.click("main form[enctype] button[type=submit]")
    page.wait_for_url(re.compile("/imports/."))


def take(context: BrowserContext, shot: Shot, target: Path) -> None:
    """Photograph a page.

    Raises:
        LookupError: The page that should lead there does not.
    """
    page = context.new_page()
    found = ""
    if shot.found_on:
        match = re.search(shot.pattern, page.request.get(shot.found_on).text())
        if match is None:
            raise LookupError(f"{shot.name}: nothing to follow on {shot.found_on}")
        found = match[1]
    for _ in range(shot.asks - 1):
        page.request.get(shot.path)
    page.goto(shot.path.format(found))
    page.evaluate(PICTURES_COME)
    # Behind a label the browser checks for itself, which takes a moment
    page.wait_for_function(CHECK_IS_DONE)
    page.screenshot(path=target, full_page=True)
    page.close()


def photograph(folder: Path, only: Sequence[str]) -> int:
    """Photograph every page whose name contains one of some words; give how many."""
    shots = [one for one in SHOTS if not only or any(word in one.name for word in only)]
    with served(folder / "world") as (url, password), sync_playwright() as playwright:
        # The sandbox of Chromium needs privileges that containers do not give
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        sessions: dict[str | None, Any] = {None: None}
        for person in dict.fromkeys(one.person for one in shots):
            if person is not None:
                sessions[person] = sign_in(browser, url, person, password)
        for size, (width, height) in SIZES.items():
            for language, locale in LOCALES.items():
                contexts = {
                    person: browser.new_context(
                        base_url=url,
                        viewport={"width": width, "height": height},
                        locale=locale,
                        timezone_id="Asia/Shanghai",
                        storage_state=session,
                    )
                    for person, session in sessions.items()
                }
                for shot in shots:
                    name = f"{shot.name}-{size}-{language}.png"
                    take(contexts[shot.person], shot, folder / name)
                for context in contexts.values():
                    context.close()
        browser.close()
    return len(shots)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    asked = parser.parse_args()
    print(f"{photograph(asked.folder, asked.only)} pages in {asked.folder}")


if __name__ == "__main__":
    main()
