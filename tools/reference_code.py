"""Pages about commands, settings and problem types, read from the code itself."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from apiflask import APIFlask

from app import create_app
from app.config import PREFIX, VARIABLES, Settings
from app.console import main
from app.errors import PROBLEM_TYPES, ProblemType, problem_types
from tools.translations import read

SETTING_EXAMPLES = {
    "REMELT_DATABASE_URL": "`postgresql://remelt:…@db.example.org/remelt`",
    "REMELT_DATA_DIR": "`/srv/remelt`",
    "REMELT_BASE_URL": "`https://remelt.example.org`",
    "REMELT_LOG_ORIGIN": "`log.example.org/metal`",
    "REMELT_SECRET_KEY": "64 hexadecimal digits, from `openssl rand -hex 32`",
    "REMELT_KEY_ENCRYPTION_KEY": "64 hexadecimal digits, from `openssl rand -hex 32`",
    "REMELT_LOG_READERS": "`members` or `public`",
    "REMELT_PRODUCTION": "`1`",
    "REMELT_PROXIES": "`1`",
    "REMELT_COPIES": "`/srv/log-copy https://mirror.example.org/log`",
}
SETTING_DEFAULTS = {
    "REMELT_DATABASE_URL": "`remelt.db` in the data directory",
    "REMELT_DATA_DIR": "`var` in the working directory",
    "REMELT_LOG_ORIGIN": "`remelt.invalid/` and 16 digits of the log key's hash",
    "REMELT_SECRET_KEY": "made, kept in the data directory",
    "REMELT_KEY_ENCRYPTION_KEY": "made, kept in the data directory",
}


def make_app() -> APIFlask:
    """The application over an empty folder: enough to read its commands and routes."""
    with TemporaryDirectory() as folder:
        settings = Settings(
            database_url="sqlite://",
            data_dir=Path(folder),
            secret_key="0" * 64,
            key_encryption_key=bytes(32),
        )
        return create_app(settings, check=False)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command of ours with its whole name, groups left out."""
    yield from _walk("remelt", main)


def _walk(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for part in sorted(command.list_commands(context)):
        inner = command.get_command(context, part)
        if inner is not None:
            yield from _walk(f"{name} {part}", inner)


def cli_page() -> str:
    """Every command with what it takes."""
    parts = [
        "# Commands",
        "The console script is `remelt`. Results go to standard output, progress and "
        "complaints to standard error. Exit status: 0 done, 1 a negative answer, "
        "2 a wrong call or setting. Settings come from the environment "
        "([settings](settings.md)); run where the data directory lies, no setting "
        "is needed.",
    ]
    for name, command in commands():
        context = click.Context(command, info_name=name)
        usage = " ".join(command.collect_usage_pieces(context))
        parts += [f"## `{name}`", _prose(command), f"    {name} {usage}".rstrip()]
        if rows := list(_options(command, context)):
            parts.append("\n".join(["| option | meaning |", "|---|---|", *rows]))
    return "\n\n".join(parts)


def _prose(command: click.Command) -> str:
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(command.help or ""))


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None:
            option, meaning = (cell.replace("|", "\\|") for cell in record)
            yield f"| `{option}` | {meaning} |"


def settings_page() -> str:
    """Every environment variable, its meaning, its default, an example."""
    meanings = dict(_attributes(Settings))
    defaults = {
        one.name: one.default
        for one in dataclasses.fields(Settings)
        if one.default is not dataclasses.MISSING
    }
    rows = []
    for variable in sorted(VARIABLES):
        name = variable.removeprefix(PREFIX).lower()
        default = SETTING_DEFAULTS.get(variable)
        if default is None:
            value = defaults[name]
            default = f"`{int(value) if isinstance(value, bool) else value}`"
        rows.append(
            f"| `{variable}` | {meanings[name]} | {default} | "
            f"{SETTING_EXAMPLES[variable]} |"
        )
    return "\n\n".join(
        [
            "# Settings",
            "Read from the environment and checked once, at start. All faults are "
            "reported together, each naming its variable; an unknown variable that "
            "begins with `REMELT_` is a fault too. With `REMELT_PRODUCTION=1` the two "
            "secrets must be given; without it they are made on the first start and "
            "kept in the data directory, readable by their owner only.",
            "\n".join(
                [
                    "| variable | meaning | default | example |",
                    "|---|---|---|---|",
                    *rows,
                ]
            ),
            "`REMELT_TEST_VECTORS` is read by the test suite alone: a folder of test "
            "vectors of published formats.",
        ]
    )


def _attributes(kind: type) -> Iterator[tuple[str, str]]:
    """The ``Attributes:`` of a class docstring, in Markdown."""
    _, _, section = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    for match in re.finditer(r"^    (\w+): (.+(?:\n {8}.+)*)", section, re.MULTILINE):
        text = re.sub(r"\s+", " ", match[2]).replace("``", "`").replace("|", "\\|")
        yield match[1], text


def problem_pages() -> dict[str, str]:
    """One page per problem type, and their list."""
    chinese = read("zh")
    app = make_app()
    with app.test_request_context("/?lang=en"):
        kinds = [(kind, str(kind.title), str(kind.advice)) for kind in problem_types()]
    written = {}
    rows = ["| status | type | title |", "|---|---|---|"]
    for kind, title, advice in kinds:
        rows.append(
            f"| {kind.status} | [{kind.slug}](problems/{kind.slug}.md) | {title} |"
        )
        said = [chinese.get(text) for text in (title, advice)]
        zh = [str(one.string) if one and one.string else "" for one in said]
        written[f"problems/{kind.slug}.md"] = "\n\n".join(
            [
                f"# {title}",
                f"`/problems/{kind.slug}`, status {kind.status}. {zh[0]}",
                _cause(kind),
                f"What to do: {advice} {zh[1]}",
                "All types: [problems](../problems.md).",
            ]
        )
    written["problems.md"] = "\n\n".join(
        [
            "# Problem types",
            "Every failure that the application answers on purpose is a problem "
            "document of RFC 9457 (`application/problem+json`); a browser gets the "
            "same as a page. Programs branch on `type`, never on `title`: titles are "
            "translated. `errors` lists every fault that was found, each with its "
            "`field`, and with its `position` where a request carries several facts. "
            "A status that says it all has the type `about:blank`.",
            "\n".join(rows),
        ]
    )
    return written


def _cause(kind: ProblemType) -> str:
    for error, one in PROBLEM_TYPES.items():
        if one is kind and error.__module__.startswith(("app.", "graph.")):
            text = inspect.cleandoc(error.__doc__ or "").split("\n\n")[0]
            return re.sub(r"\s+", " ", text).replace("``", "`")
    return "Raised by the web layer, before the request reaches a use case."
