"""The console script ``remelt``: the groups of ``app.cli`` and ``serve``.

Results go to standard output, progress and complaints to standard error; the exit
status is 1 on a negative answer and 2 on a wrong call.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup, ScriptInfo
from sqlalchemy.exc import OperationalError

from app import create_app
from app.config import Settings, SettingsError
from app.db import is_of_disk
from app.queries.errors import ExpectedError

COMMANDS = {
    "claims": "app.cli.claims:cli",
    "db": "app.cli.database:cli",
    "demo": "app.cli.demo:cli",
    "doctor": "app.cli.doctor:doctor",
    "keys": "app.cli.keys:cli",
    "labels": "app.cli.labels:cli",
    "ledger": "app.cli.ledger:cli",
    "lots": "app.cli.lots:cli",
    "mirror": "app.cli.mirror:cli",
    "monitor": "app.cli.monitor:cli",
    "organisations": "app.cli.organisations:cli",
    "serve": "app.serving:serve",
    "sign": "app.cli.sign:cli",
    "simulate": "app.cli.simulate:simulate",
    "statements": "app.cli.statements:cli",
    "users": "app.cli.users:cli",
    "verify": "app.cli.verify:cli",
    "witness": "app.cli.witness:cli",
}
"""Where each command is: it is looked up once it is called, so that one that checks a
file does not wait for what a server needs."""


def _make_app() -> Flask:
    # The schema is checked by the commands that need it, not by those that mend it
    return create_app(Settings.from_env(), check=False)


class Group(AppGroup):
    """Our commands alone, and expected failures in one line without a traceback.

    The group of Flask would add the commands of every extension, and options that
    load another application.
    """

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - as click has it
    ) -> click.Context:
        """A context that knows how to make the application, once it is needed."""
        info = ScriptInfo(
            create_app=_make_app, set_debug_flag=False, load_dotenv_defaults=False
        )
        return super().make_context(info_name, args, parent=parent, obj=info, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(import_module(module), name)
        return found

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run a command."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            for fault in error.faults:
                click.echo(fault, err=True)
            sys.exit(2)
        except ExpectedError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(1)
        except (OSError, OperationalError) as error:
            if not is_of_disk(error):
                raise
            click.echo(f"Error: {_of_disk(error)}", err=True)
            sys.exit(1)


def _of_disk(error: OSError | OperationalError) -> str:
    """What the disk says, and where it was asked."""
    if isinstance(error, OperationalError):
        return f"the database cannot be written: {error.orig}; what was begun is undone"
    where = "" if error.filename is None else f"{error.filename}: "
    return f"{where}{error.strerror}; no file was left half written"


@click.group(cls=Group)
@click.version_option(package_name="remelt", message="remelt %(version)s")
def main() -> None:
    """Remelt: recycled metal, lot by lot, on a signed append-only ledger."""
