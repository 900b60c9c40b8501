"""``verify.html``: the verifier as one file. ``python -m tools.verifier_page``.

Puts the scripts that the label page runs, its styles and its words in both languages
into ``app/static/verify.html``. Each script becomes a function that gives what it
exports; nothing else of it changes. The page allows that one script and that one style
by their hashes, and no connection to anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path

from babel.support import Translations

from app.web.verifier_texts import ALONE, CHECKS, PAGE, SHARED

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "app" / "static"
TARGET = STATIC / "verify.html"
ENTRANCE = STATIC / "js" / "verify_alone.js"
LANGUAGES = ("zh", "en")
_IMPORT = re.compile(
    r"^import\s+(?:\{(?P<names>[^}]*)\}|\* as (?P<whole>\w+))\s+"
    r'from\s+"(?P<of>[^"]+)";$',
    re.MULTILINE,
)
_PASSED_ON = re.compile(
    r'^export\s+\{(?P<names>[^}]*)\}\s+from\s+"(?P<of>[^"]+)";$', re.MULTILINE
)
_LATER = re.compile(r'\bimport\("(?P<of>[^"]+)"\)')
_NAMED = re.compile(
    r"^export (?=(?:async function|function|class|const) (\w+))", re.MULTILINE
)
_LISTED = re.compile(r"^export \{(?P<names>[^}]*)\};$", re.MULTILINE)
_LEFT = re.compile(r"^\s*(?:import|export)\b(?!\()", re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_ROOTS = re.compile(
    r"^:root \{\n.*?^\}$|^@media \(prefers-color-scheme: dark\) \{\n  :root \{.*?^\}$",
    re.MULTILINE | re.DOTALL,
)
SIGNS = {
    "sign_ok": '<circle cx="24" cy="24" r="23" fill="currentColor"/>'
    '<path d="M13.500 25l7 7 14-15" fill="none" class="cut" stroke-width="5" '
    'stroke-linecap="round" stroke-linejoin="round"/>',
    "sign_warn": '<path d="M24 3L46 43H2z" fill="currentColor" stroke="currentColor" '
    'stroke-width="3" stroke-linejoin="round"/><path d="M24 18v12M24 36.500v.5" '
    'class="cut" fill="none" stroke-width="5" stroke-linecap="round"/>',
    "sign_bad": '<path d="M15 2h18l13 13v18L33 46H15L2 33V15z" fill="currentColor"/>'
    '<path d="M16 16l16 16M32 16L16 32" class="cut" fill="none" stroke-width="5" '
    'stroke-linecap="round"/>',
}


def page_text() -> str:
    """The whole file.

    Raises:
        ValueError: A script imports or exports in a way that this does not know.
    """
    script, style = _script(), _style()
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    templates = "\n".join(
        f'<template data-text="{name}">{_both(text)}</template>'
        for name, text in (CHECKS | SHARED | ALONE).items()
    )
    signs = "\n".join(
        f'<template data-text="{name}"><svg class="sign" viewBox="0 0 48 48" '
        f'aria-hidden="true">{drawn}</svg></template>'
        for name, drawn in SIGNS.items()
    )
    words = {name: _both(text) for name, text in PAGE.items()}
    return f"""<!DOCTYPE html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Remelt · 离线验真 · Verify a proof</title>
<style>{style}</style>
</head>
<body>
<header class="top"><strong>Remelt</strong><nav>
<button type="button" data-language="zh" aria-pressed="true">中文</button>
<button type="button" data-language="en" aria-pressed="false">English</button>
</nav></header>
<main>
<h1 class="page">{words["title"]}</h1>
<p>{words["lead"]}</p>
<div class="pick">
<p><label for="bundle"><strong>{words["pick_bundle"]}</strong></label>
<input type="file" id="bundle" accept=".json,application/json">
<span class="muted" data-status="bundle"></span></p>
<p><label for="policy"><strong>{words["pick_policy"]}</strong></label>
<input type="file" id="policy">
<span class="muted" data-status="policy"></span></p>
<p class="muted">{words["drop"]}</p>
</div>
<div id="result" tabindex="-1" aria-live="polite"></div>
<section class="box limits"><h2>{words["limits"]}</h2><ul>
<li>{words["limit_true"]}</li>
<li>{words["limit_metal"]}</li>
<li>{words["limit_later"]}</li>
<li>{words["limit_anchor"]}</li>
</ul></section>
<noscript><p>{words["no_script"]}</p></noscript>
</main>
{templates}
{signs}
<script type="module">{script}</script>
</body>
</html>
"""


def _both(text: object) -> str:
    """A text in all languages; the page shows one."""
    source = str(getattr(text, "_args")[0])  # noqa: B009 - a lazy text's own
    chinese = Translations.load(str(ROOT / "app/translations"), ["zh"])
    spoken = {"zh": chinese.gettext(source), "en": source}
    return "".join(
        f'<span lang="{one}">{html.escape(spoken[one])}</span>' for one in LANGUAGES
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _style() -> str:
    tokens = _ROOTS.findall((STATIC / "css" / "remelt.css").read_text("utf-8"))
    own = (STATIC / "css" / "verify_alone.css").read_text("utf-8")
    label = (STATIC / "css" / "verify.css").read_text("utf-8")
    return "\n".join([*tokens, label, own])


def _script() -> str:
    made: dict[Path, str] = {}
    _add(ENTRANCE, made, [])
    bodies = "\n".join(made.values())
    text = f'"use strict";\nconst modules = Object.create(null);\n{bodies}\n'
    if "</script" in text.lower():
        raise ValueError("a script holds what ends a script")
    return text


def _add(path: Path, made: dict[Path, str], under: list[Path]) -> None:
    """One script behind all that it imports."""
    if path in made:
        return
    if path in under:
        raise ValueError(f"{path.name} imports itself, by way of others")
    text = _COMMENT.sub("", path.read_text("utf-8"))
    exported: dict[str, str] = {}

    def key_of(of: str) -> str:
        other = (path.parent / of).resolve()
        _add(other, made, [*under, path])
        return f'modules["{other.relative_to(STATIC)}"]'

    def take(found: re.Match[str]) -> str:
        if found["whole"]:
            return f"const {found['whole']} = {key_of(found['of'])};"
        pairs = ", ".join(
            f"{name}: {local}" if name != local else name
            for name, local in _names(found["names"])
        )
        return f"const {{ {pairs} }} = {key_of(found['of'])};"

    def pass_on(found: re.Match[str]) -> str:
        key = key_of(found["of"])
        exported.update(
            {shown: f"{key}.{name}" for name, shown in _names(found["names"])}
        )
        return ""

    def listed(found: re.Match[str]) -> str:
        exported.update({shown: name for name, shown in _names(found["names"])})
        return ""

    text = _PASSED_ON.sub(pass_on, text)
    text = _IMPORT.sub(take, text)
    text = _LATER.sub(lambda found: f"Promise.resolve({key_of(found['of'])})", text)
    exported |= {name: name for name in _NAMED.findall(text)}
    text = _LISTED.sub(listed, _NAMED.sub("", text))
    if left := _LEFT.search(text):
        raise ValueError(f"{path.name}: {text[left.start() :][:80]!r} is not known")
    gives = ", ".join(f"{name}: {value}" for name, value in sorted(exported.items()))
    lines = "\n".join(line for line in text.splitlines() if line.strip())
    made[path] = (
        f'modules["{path.relative_to(STATIC)}"] = (() => {{\n{lines}\n'
        f"return {{ {gives} }};\n}})();"
    )


def _names(text: str) -> list[tuple[str, str]]:
    """(name there, name here) of a list in braces."""
    found = []
    for word in text.split(","):
        if word.strip():
            name, _, other = word.strip().partition(" as ")
            found.append((name.strip(), other.strip() or name.strip()))
    return found


def main() -> None:
    """Write the file."""
    TARGET.write_text(page_text(), "utf-8")


if __name__ == "__main__":
    main()
