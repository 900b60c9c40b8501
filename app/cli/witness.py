"""``remelt witness``: run a witness; it needs no database and no setting of Remelt."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from gunicorn.app.base import BaseApplication

from app.logs import configure
from app.witness.key import KeyFileError, make_key, read_key
from app.witness.server import WitnessApp, keys_by_origin
from app.witness.store import StoreError, WitnessStore, make_store
from ledger import LedgerError, PolicyLog, Witness, parse_policy
from ledger.policy import NO_QUORUM

STATE_SUFFIX = ".db"
_QUORUM = re.compile(r"^[ \t]*quorum[ \t]", re.MULTILINE)


@click.group("witness", help="A witness: countersigns the checkpoints of logs.")
def cli() -> None:
    """Commands of a witness."""


@cli.command("new")
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def new(name: str, file: Path) -> None:
    """Make a witness NAME: its key in FILE, its state in FILE.db; print its key.

    NAME names the witness to everybody, such as witness.example.org/w1: no spaces and
    no plus sign. The log's operator puts the printed key into the log's policy.
    """
    if state_of(file).exists():
        raise click.ClickException(f"{state_of(file)} exists: name another file")
    try:
        witness = make_key(file, name)
    except (LedgerError, OSError) as error:
        raise click.ClickException(str(error)) from None
    make_store(state_of(file), witness.vkey)
    click.echo(witness.vkey)


@cli.command("serve")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--log", "vkeys", multiple=True, help="Key of a log; may be repeated.")
@click.option(
    "--logs",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with lines 'log <key>', such as a log's policy; may be repeated.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8100, show_default=True, type=int)
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1, 64))
def serve(
    file: Path,
    vkeys: tuple[str, ...],
    files: tuple[Path, ...],
    host: str,
    port: int,
    threads: int,
) -> None:
    """Run the witness whose key is in FILE, until told to stop.

    Example: remelt witness serve w1.key --log "$(cat log.vkey)" --port 8100
    """
    witness, store = _open(file)
    logs = keys_by_origin(_read_logs(vkeys, files))
    if not logs:
        raise click.UsageError("name a log: --log KEY or --logs FILE")
    click.echo(f"{witness.vkey} watches {len(logs)} logs on {host}:{port}", err=True)
    options = {
        "bind": f"{host}:{port}",
        "workers": 1,
        "threads": threads,
        "worker_class": "gthread",
        "timeout": 30,
        "accesslog": None,
        "control_socket_disable": True,
    }
    _Server(WitnessApp(witness, logs, store), options).run()


@cli.command("status")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(file: Path, as_json: bool) -> None:
    """What the witness whose key is in FILE has cosigned last, of each log."""
    witness, store = _open(file)
    told = [
        {
            "origin": one.origin,
            "size": one.tree.size,
            "root": one.tree.root.hex(),
            "cosigned_at": datetime.fromtimestamp(one.at, UTC).isoformat(),
        }
        for one in store.all()
    ]
    if as_json:
        click.echo(json.dumps({"vkey": witness.vkey, "logs": told}))
        return
    click.echo(witness.vkey)
    for line in told:
        click.echo(
            "{origin}: {size} entries, root {root}, {cosigned_at}".format(**line)
        )


def state_of(file: Path) -> Path:
    """Where the state of the witness with this key file lies: beside it."""
    return file.with_name(file.name + STATE_SUFFIX)


def _open(file: Path) -> tuple[Witness, WitnessStore]:
    try:
        witness = read_key(file)
        return witness, WitnessStore(state_of(file), witness.vkey)
    except (KeyFileError, StoreError, OSError) as error:
        raise click.ClickException(str(error)) from None


def _read_logs(vkeys: Iterable[str], files: Iterable[Path]) -> list[PolicyLog]:
    """The logs of all options, each once."""
    found = [PolicyLog(vkey) for vkey in vkeys]
    try:
        for path in files:
            text = path.read_text("utf-8")
            if "quorum" not in (
                line.split()[0] for line in text.split("\n") if line.split()
            ):
                text += f"\nquorum {NO_QUORUM}\n"
            found += parse_policy(text).logs
        return list({one.key.vkey: one for one in found}.values())
    except (LedgerError, UnicodeDecodeError) as error:
        raise click.BadParameter(str(error), param_hint="--log, --logs") from None


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn carries no types
    """Gunicorn over the witness."""

    def __init__(self, app: WitnessApp, options: dict[str, Any]) -> None:
        self._app, self._options = app, options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> WitnessApp:
        configure()
        return self._app
