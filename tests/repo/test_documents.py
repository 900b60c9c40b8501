"""Documents hold together, and nothing in the repository speaks of one machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# Put together here, or this file would be the first to name them
OF_ONE_MACHINE = tuple("/".join(("", *parts, "")) for parts in (("work",), ("root",)))
JOBS = "bash" + "_jobs"
UNFINISHED = re.compile("|".join((r"\bTO" + "DO", r"\bFIX" + "ME", r"\bXX" + r"X\b")))
READ = {".py", ".md", ".html", ".css", ".csv", ".json", ".toml", ".po", ".sh", ""}
NOT_OURS = ("app/static/vendor/", "tests/known_answers/")


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def kept_files() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git clone: nothing says which files are kept")
    return [
        ROOT / name
        for name in listed
        if name
        and Path(name).suffix in READ
        and not name.startswith(NOT_OURS)
        and (ROOT / name).is_file()
    ]


def anchors(path: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them from headings."""
    found = set()
    for heading in HEADING.findall(path.read_text("utf-8")):
        kept = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(kept.replace(" ", "-"))
    return found


def test_every_relative_link_leads_somewhere() -> None:
    broken = []
    for page in documents():
        for target in LINK.findall(page.read_text("utf-8")):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            path = (page.parent / name).resolve() if name else page
            if not path.exists() or (
                anchor and path.suffix == ".md" and anchor not in anchors(path)
            ):
                broken.append(f"{page.relative_to(ROOT)}: {target}")

    assert broken == []


def test_every_document_is_reached_from_the_front_page() -> None:
    reached, waiting = set(), [ROOT / "README.md", ROOT / "README.zh-CN.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        waiting += [
            (page.parent / target.partition("#")[0]).resolve()
            for target in LINK.findall(page.read_text("utf-8"))
            if not re.match(r"[a-z]+:", target)
        ]

    assert [page for page in documents() if page not in reached] == []


def test_the_tutorials_come_in_both_languages() -> None:
    names = {path.name for path in (ROOT / "docs" / "tutorials").glob("*.md")}

    assert names == {
        f"{reader}.{language}.md"
        for reader in ("recycler", "buyer", "statistician")
        for language in ("zh-CN", "en")
    }


def test_no_file_names_a_machine_or_promises_to_be_finished() -> None:
    found = []
    for path in kept_files():
        text = path.read_text("utf-8")
        name = path.relative_to(ROOT)
        found += [f"{name}: {one}" for one in (*OF_ONE_MACHINE, JOBS) if one in text]
        found += [f"{name}: {one}" for one in UNFINISHED.findall(text)]

    assert found == []


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = sorted(path for path in folder.glob("0*.md"))
    listed = (folder / "README.md").read_text("utf-8")

    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    assert [page.name for page in pages if f"({page.name})" not in listed] == []
