"""The page about addresses: the API, the log and what else other programs may call."""

from __future__ import annotations

import inspect

from werkzeug.routing import Rule

from tools.reference_code import make_app

SHOWN = ("/api/", "/log/", "/v/", "/healthz", "/metrics", "/.well-known/", "/problems/")
SILENT_METHODS = {"HEAD", "OPTIONS"}


def rules() -> list[tuple[Rule, str]]:
    """Every route with the first line of its view's docstring, by address."""
    app = make_app()
    found = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        about = inspect.cleandoc(inspect.unwrap(view).__doc__ or "").split("\n\n")[0]
        found.append((rule, " ".join(about.split()).replace("``", "`")))
    return sorted(found, key=lambda one: (one[0].rule, sorted(one[0].methods or ())))


def api_page() -> str:
    """Addresses that other programs may rely on."""
    rows = ["| address | methods | what |", "|---|---|---|"]
    for rule, about in rules():
        if rule.rule.startswith(SHOWN):
            methods = sorted((rule.methods or set()) - SILENT_METHODS)
            address = rule.rule.replace("|", "\\|")
            rows.append(f"| `{address}` | {', '.join(methods)} | {about} |")
    return "\n\n".join(
        [
            "# Addresses for programs",
            "The API speaks JSON; its OpenAPI document is served at "
            "`/api/openapi.json`. A call carries a personal token, "
            "`Authorization: Bearer rmt_…`, made under Settings or with "
            "`remelt users token`. Failures are [problem documents](problems.md). "
            "The paths under `/log/` are those of C2SP tlog-tiles: clients of that "
            "format read and verify the log without knowing this product.",
            "\n".join(rows),
        ]
    )
