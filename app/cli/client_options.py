"""Options that the commands of the organisation's side share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from app.client.errors import ClientError
from app.client.server import Server

Command = TypeVar("Command", bound=Callable[..., Any])

PASSPHRASE_VARIABLE = "REMELT_KEY_PASSPHRASE"  # noqa: S105 - a name, no secret
KEY_FILE = click.Path(dir_okay=False, path_type=Path)
server_option = click.option(
    "--server", "server_url", envvar="REMELT_SERVER", help="URL of the platform."
)
token_option = click.option(
    "--token",
    envvar="REMELT_TOKEN",
    help="Token for its API; better in the variable, where no list of processes "
    "shows it.",
)
passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="First line is the passphrase; else the variable REMELT_KEY_PASSPHRASE is, "
    "else it is asked for.",
)


def told(command: Command) -> Command:
    """Turn what goes wrong on this side into one line and exit status 1."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - as click has it
        try:
            return command(*args, **options)
        except ClientError as error:
            raise click.ClickException(str(error)) from None

    return run  # type: ignore[return-value]  # the same signature


def read_passphrase(path: Path | None, *, new: bool = False) -> str:
    """The passphrase of a key file; a new one is asked for twice."""
    if path is not None:
        return path.read_text("utf-8").split("\n", 1)[0].rstrip("\r")
    # No option: whoever lists processes would read it there
    if given := os.environ.get(PASSPHRASE_VARIABLE):
        return given
    asked: str = click.prompt(
        "Passphrase of the key", hide_input=True, confirmation_prompt=new, err=True
    )
    return asked


@contextmanager
def open_server(url: str | None, token: str | None) -> Iterator[Server]:
    """The server that the options name.

    Raises:
        click.UsageError: None is named.
    """
    if not url:
        raise click.UsageError("name the platform: --server URL, or REMELT_SERVER")
    server = Server(url, token)
    try:
        yield server
    finally:
        server.close()
