"""Catalogues of texts: ``python -m tools.translations update | compile | check``.

``update`` collects the texts of code and templates into both catalogues; translate
what is new in ``app/translations/zh/LC_MESSAGES/messages.po``; ``compile`` writes the
``.mo`` files, which are committed: a fresh clone speaks Chinese without a build. The
English catalogue holds plural forms only: English is the source.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "app" / "translations"
NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
LOCALES = ("zh", "en")
METHODS = [
    ("**/templates/**.html", "jinja2"),
    ("**/templates/**.txt", "jinja2"),
    ("**.py", "python"),
]
OPTIONS = {"**/templates/**.html": {"trimmed": "true", "silent": "false"}}
# The message of an expected failure is its first argument, that of a fault its third
ERROR_MODULES = (
    "app/queries/errors.py",
    "app/services/errors.py",
    "app/strict_json.py",
    "graph/errors.py",
)
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+(?:![rsa])?(?::[^}]*)?\}")


def keywords() -> dict[str, Any]:
    """What marks a text in the code: gettext and ours, and the errors by class."""
    found: dict[str, Any] = dict(DEFAULT_KEYWORDS)
    found |= {"_l": None, "lazy_gettext": None, "lazy_ngettext": (1, 2)}
    found |= {"FieldFault": (3,), "refuse": (2,)}
    for module in ERROR_MODULES:
        for node in ast.parse((ROOT / module).read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, None)
    return found


def extract() -> Catalog:
    """Every text of the product, in a catalogue without translations."""
    catalog = Catalog(charset="utf-8", header_comment="", project="Remelt")
    found = extract_from_dir(
        ROOT / "app",
        method_map=METHODS,
        options_map=OPTIONS,
        keywords=keywords(),
        comment_tags=("Translators:",),
    )
    for name, line, message, comments, context in found:
        place = [(f"app/{name}", line)]
        if _is_text(message):
            catalog.add(message, None, place, auto_comments=comments, context=context)
    for path in sorted((ROOT / "graph").glob("*.py")):
        _add_module(catalog, path)
    return catalog


def _add_module(catalog: Catalog, path: Path) -> None:
    """The failures of a pure package, whose messages pages show as well."""
    from babel.messages.extract import extract_python  # noqa: PLC0415 - used once

    with path.open("rb") as stream:
        for line, name, message, _ in extract_python(stream, keywords(), (), {}):
            text = message if isinstance(message, str) else next(iter(message), None)
            if name and name in keywords() and _is_text(text):
                place = [(str(path.relative_to(ROOT)), line)]
                catalog.add(str(text), None, place)


def _is_text(message: object) -> bool:
    first = message[0] if isinstance(message, tuple) and message else message
    return isinstance(first, str) and bool(first.strip())


def path_of(locale: str) -> Path:
    """Where the catalogue of a language lies."""
    return FOLDER / locale / "LC_MESSAGES" / "messages.po"


def read(locale: str) -> Catalog:
    """The catalogue of a language; an empty one where there is none yet."""
    path = path_of(locale)
    if not path.exists():
        return Catalog(locale=locale, charset="utf-8", header_comment="")
    with path.open("rb") as stream:
        return read_po(stream, locale=locale)


def update() -> None:
    """Put new texts into the catalogues, and take out those that nobody uses."""
    template = extract()
    for locale in LOCALES:
        catalog = read(locale)
        # Guessing from similar texts would only make faults that look translated
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.fuzzy = False
        if locale == "en":
            _fill_english(catalog)
        path_of(locale).parent.mkdir(parents=True, exist_ok=True)
        path_of(locale).write_bytes(as_po(catalog))
    compile_all()


def _fill_english(catalog: Catalog) -> None:
    for message in list(catalog):
        if not message.id:
            continue
        if isinstance(message.id, tuple):
            message.string = tuple(message.id)
        else:
            catalog.delete(message.id, message.context)


def as_po(catalog: Catalog) -> bytes:
    """A catalogue as text, without dates and line numbers: no noise in a diff."""
    stream = io.BytesIO()
    write_po(
        stream,
        catalog,
        width=88,
        omit_header=False,
        include_lineno=False,
        sort_output=True,
    )
    kept = [
        line
        for line in stream.getvalue().decode("utf-8").splitlines()
        if not re.match(
            r'"(POT-Creation|PO-Revision)-Date|"(Last-Trans|Language-Team|Report)', line
        )
    ]
    return ("\n".join(kept) + "\n").encode("utf-8")


def compile_all() -> None:
    """Write the compiled catalogue of each language."""
    for locale in LOCALES:
        path_of(locale).with_suffix(".mo").write_bytes(compiled(read(locale)))


def compiled(catalog: Catalog) -> bytes:
    """A catalogue as the program reads it."""
    # Else the header holds the time of day: the same texts, other bytes each minute
    catalog.creation_date = catalog.revision_date = NO_DATE
    stream = io.BytesIO()
    write_mo(stream, catalog)
    return stream.getvalue()


def faults() -> Iterator[str]:
    """What is wrong with the catalogues; nothing when all is well."""
    template = extract()
    chinese = read("zh")
    for message in template:
        if message.id and not _translated(chinese.get(message.id, message.context)):
            yield f"not translated: {_first(message)!r}"
    for message in chinese:
        if not message.id:
            continue
        if template.get(message.id, message.context) is None:
            yield f"nobody says this any more: {_first(message)!r}"
        elif message.fuzzy:
            yield f"fuzzy: {_first(message)!r}"
        elif not _same_placeholders(message):
            yield f"other placeholders: {_first(message)!r}"
    english = read("en")
    for message in template:
        plural = isinstance(message.id, tuple)
        if plural and not _translated(english.get(message.id, message.context)):
            yield f"no English plural: {_first(message)!r}"
    for locale in LOCALES:
        compiled_path = path_of(locale).with_suffix(".mo")
        expected = compiled(read(locale))
        if not compiled_path.exists() or compiled_path.read_bytes() != expected:
            yield f"not compiled: {compiled_path.relative_to(ROOT)}"


def _translated(message: Message | None) -> bool:
    if message is None or message.fuzzy:
        return False
    strings = message.string if isinstance(message.string, tuple) else (message.string,)
    return all(strings)


def _first(message: Message) -> str:
    return str(message.id[0] if isinstance(message.id, tuple) else message.id)


def _same_placeholders(message: Message) -> bool:
    ids = message.id if isinstance(message.id, tuple) else (message.id,)
    strings = message.string if isinstance(message.string, tuple) else (message.string,)
    wanted = set(PLACEHOLDER.findall(str(ids[-1])))
    return all(
        set(PLACEHOLDER.findall(str(text))) == wanted for text in strings if text
    )


def main() -> int:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("update", "compile", "check"))
    action = parser.parse_args().action
    if action == "update":
        update()
        missing = [fault for fault in faults() if fault.startswith("not translated")]
        print(f"{len(missing)} texts to translate in {path_of('zh').relative_to(ROOT)}")
    elif action == "compile":
        compile_all()
    else:
        found = list(faults())
        print("\n".join(found) or "all texts are translated")
        return 1 if found else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
